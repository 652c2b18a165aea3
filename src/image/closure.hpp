// SPDX-License-Identifier: MIT
// The shared libraries that programs need, found as the dynamic linker would find them, but by
// reading files: nothing is executed.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace linstub::image {

// Where the dynamic linker looks after RUNPATH, in order: what ld.so.conf names, then the built-in
// directories of Debian's glibc for x86-64.
base::Result<std::vector<std::string>> library_directories(const std::filesystem::path &root);

struct Library {
  std::string name;             // as it is asked for, "libc.so.6"
  std::string path;             // where it is in the root, "/lib/x86_64-linux-gnu/libc.so.6"
  std::filesystem::path source; // the file to read it from
};

struct Closure {
  std::vector<Library> libraries; // sorted by name
  std::string interpreter;        // that all programs want; empty if all are static
};

struct Program {
  std::string name;           // how errors call it
  std::filesystem::path file; // read from here, not below the root
};

// Everything that `programs` and the libraries `extra` (by name, for what is only loaded at run
// time) need from `root`. A library that is not there is an error with the chain that wants it:
//
//     qemu-system-i386 needs libpixman-1.so.0, which needs libfoo.so.1: no such library in /lib/…
base::Result<Closure> find_libraries(const std::filesystem::path &root,
                                     const std::vector<std::string> &directories,
                                     const std::vector<Program> &programs,
                                     const std::vector<std::string> &extra);

} // namespace linstub::image
