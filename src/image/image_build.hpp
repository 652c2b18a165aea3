// SPDX-License-Identifier: MIT
// `linstub image build`: from Debian's archive to an image directory.
//
// An image directory holds what manifest/stub_image.hpp lists, and in "copyright" what its parts
// come with: a file for each component of the manifest. What is expensive is kept in the
// cache under the hash of all that it is made from, so a build in which nothing has changed
// compiles nothing and asks nothing of the network. The archive is asked for a newer QEMU only when
// the cache has none, or when it is told to (`Freshness::ask_archive`); the kernel's source is the
// one that is installed in the build root.
#pragma once

#include "base/result.hpp"
#include "manifest/manifest.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace linstub::image {

// Bounds of an image, in bytes; a build that exceeds one fails.
constexpr uint64_t largest_kernel = 3'300'000;
constexpr uint64_t largest_ramdisk = 7'000'000;
constexpr uint64_t largest_init = 800'000;
constexpr uint64_t largest_system = 26'000'000;

enum class Freshness : uint8_t { use_cache, ask_archive };

struct BuildOptions {
  std::filesystem::path recipes; // this source's config/
  std::filesystem::path init;    // linstub-init
  std::filesystem::path output;  // the image directory; made, and replaced file by file
  std::optional<manifest::Manifest> locked;
  Freshness freshness = Freshness::use_cache;
  unsigned jobs = 1;
};

base::Result<manifest::Manifest> build_image(const BuildOptions &options);

// Checks that the image in a directory is whole: the files are what its manifest says.
base::Result<manifest::Manifest> verify_image(const std::filesystem::path &directory);

// How much `reproduce_image` makes again.
enum class Reproduce : uint8_t { ramdisk, everything };

// Makes an image again in directories of its own, without taking compiled parts from the cache if
// it is to be `everything`, and compares it bit by bit with the one that is there.
base::Result<> reproduce_image(const BuildOptions &options, Reproduce extent);

} // namespace linstub::image
