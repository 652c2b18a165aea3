// manifest.json: what an image is, what it was made from and what is in it.
//
// Holds nothing that differs between two builds of the same inputs: no times, no directories.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::image {

constexpr int manifest_format = 1;

struct Digest {
  uint64_t size = 0;
  std::string sha256; // 64 lower-case hexadecimal digits

  friend bool operator==(const Digest &, const Digest &) = default;
};

Digest digest_of(std::string_view content);
base::Result<Digest> digest_of_file(const std::filesystem::path &path);

// Something that the image was made from.
struct Input {
  std::string kind;    // "source", "package" or "recipe"
  std::string name;    // of the package, or of the file of the recipe
  std::string version; // of the package
  std::string file;    // whose digest this is; empty for a package that is installed
  Digest digest;

  friend bool operator==(const Input &, const Input &) = default;
};

struct RamdiskFile {
  std::string path;
  std::string origin; // the package, or "linstub" for what is built from this source
  std::string version;
  Digest digest;

  friend bool operator==(const RamdiskFile &, const RamdiskFile &) = default;
};

struct Manifest {
  std::string version; // of Linstub
  std::string xen;     // the release that the libraries are for: "4.20"
  std::string suite;   // the Debian suite that everything comes from
  Digest kernel;
  Digest ramdisk;
  uint64_t ramdisk_unpacked = 0;  // bytes of the archive
  std::vector<Input> inputs;      // sorted
  std::vector<RamdiskFile> files; // sorted by path

  friend bool operator==(const Manifest &, const Manifest &) = default;
};

std::string to_json(const Manifest &manifest);

// Strict: unknown formats, missing fields, wrong types and digests that are none are errors.
base::Result<Manifest> parse_manifest(std::string_view json);
base::Result<Manifest> read_manifest(const std::filesystem::path &path);

// One sentence for each input in which `found` differs from `locked`; only inputs of `found` are
// looked at unless it is `complete`.
enum class Inputs : uint8_t { some, complete };
std::vector<std::string> differences(const std::vector<Input> &locked,
                                     const std::vector<Input> &found, Inputs extent);

} // namespace linstub::image
