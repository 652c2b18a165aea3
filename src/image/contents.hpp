// SPDX-License-Identifier: MIT
// What goes into the ramdisk: the table config/image/contents.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::image {

// Where a file of the ramdisk comes from.
enum class Origin : uint8_t {
  root, // a package that is installed in the build root
  qemu, // what was built from QEMU's source
  init, // linstub-init
};

struct ContentLine {
  enum class Kind : uint8_t {
    directory, // an empty directory
    file,
    tree,    // every file of a directory
    program, // an executable: stripped, and its libraries come along
    library, // one that is loaded at run time, so that no program names it
    linked,  // a package whose code is linked into a program that is not built here
  };

  Kind kind = Kind::file;
  std::string path; // in the ramdisk; a library's name; the program that a package is in
  Origin origin = Origin::root;
  std::string source;     // where in the origin; the package that is linked
  bool disk_only = false; // on the disk with QEMU, and not in a ramdisk, where it would be memory
};

// Parses the table; an error names the line.
base::Result<std::vector<ContentLine>> parse_contents(std::string_view table);

} // namespace linstub::image
