// SPDX-License-Identifier: MIT
// manifest.json: what an image is, what it was made from, what is in it and under which licences.
//
// Holds nothing that differs between two builds of the same inputs: no times, no directories. The
// image's builder writes it; linstub-dm, which there is one of for each guest, reads of it only
// what the image is (Identity).
#pragma once

#include "base/result.hpp"
#include "manifest/digest.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::manifest {

constexpr int format = 3;

// Something that the image was made from.
struct Input {
  std::string kind;    // "source", "package" or "recipe"
  std::string name;    // of the package, or of the file of the recipe
  std::string version; // of the package
  std::string file;    // whose digest this is; empty for a package that is installed
  Digest digest;

  friend bool operator==(const Input &, const Input &) = default;
};

// A work that is in the image, whole or in part, and what its copyright file says.
struct Component {
  std::string name; // of the package
  std::string version;
  std::string part; // of the image that it is in: "kernel", "ramdisk", or the program, "/init"
  Digest copyright; // of the file, copyright/NAME beside the manifest
  // The short names of its licences as they stand there, "LGPL-2.1+" or "GPL-2 or BSD-2-clause",
  // sorted. None: that file is not machine-readable, and has to be read.
  std::vector<std::string> licences;

  friend bool operator==(const Component &, const Component &) = default;
};

struct RamdiskFile {
  std::string path;
  std::string origin; // the component
  std::string version;
  Digest digest;

  friend bool operator==(const RamdiskFile &, const RamdiskFile &) = default;
};

// What an image is.
struct Identity {
  std::string version; // of Linstub
  std::string xen;     // the release that the libraries are for: "4.20"
  std::string suite;   // the Debian suite that everything comes from
  Digest kernel;
  Digest ramdisk;
  uint64_t ramdisk_unpacked = 0; // bytes of the archive
  Digest init;                   // the ramdisk without QEMU
  Digest system;                 // the disk with QEMU

  friend bool operator==(const Identity &, const Identity &) = default;
};

struct Manifest {
  Identity identity;
  std::vector<Input> inputs;         // sorted
  std::vector<Component> components; // sorted
  std::vector<RamdiskFile> files;    // sorted by path

  friend bool operator==(const Manifest &, const Manifest &) = default;
};

std::string to_json(const Manifest &manifest);

// Strict and bounded: an unknown format, a field that is missing, unknown or there twice, a wrong
// type, a digest that is none, text with control characters and a list beyond its bound are errors.
base::Result<Manifest> parse(std::string_view json);
base::Result<Manifest> read(const std::string &path);

// Its identity alone, as strictly. The lists are nearly all of a manifest: they are passed over,
// and not stored.
base::Result<Identity> parse_identity(std::string_view json);
base::Result<Identity> read_identity(const std::string &path);

} // namespace linstub::manifest
