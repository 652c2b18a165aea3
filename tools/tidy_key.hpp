// SPDX-License-Identifier: MIT
// What the verdict of clang-tidy on a source depends on, as a key: the same key, the same verdict.
//
// It is of contents, not of times, and of paths below the checkout only. So a file that was clean
// once stays clean, on every branch and in every checkout, until something of the project that it
// reads has changed. What the system's headers say is taken to change with clang-tidy's version.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::tools {

// One source and how it is compiled; several ways if it is part of several programs.
struct Source {
  std::filesystem::path file;
  std::set<std::string> commands;
};

// The options in a compiler's command line that decide how a source is read: all but the names of
// what is compiled and written. `checkout` in them becomes ".", so that its place does not count.
std::vector<std::string> options_of(std::string_view command, const std::string &checkout);

class TidyKeys {
public:
  // `common` is what every key depends on: clang-tidy's version.
  TidyKeys(std::filesystem::path checkout, std::string common)
      : checkout_(std::move(checkout)), common_(std::move(common)) {}

  // 32 hexadecimal digits. An error if the source or what it includes cannot be read.
  base::Result<std::string> key(const Source &source);

  // The files of the project that may be read for a source, itself and the lists of checks in its
  // directories (.clang-tidy) among them, below the checkout. Conditions are not looked at: a file
  // too many does no harm.
  base::Result<std::set<std::filesystem::path>>
  read_for(const std::filesystem::path &source,
           const std::vector<std::filesystem::path> &directories);

private:
  struct File {
    std::string digest;
    std::vector<std::string> includes; // as they are written
  };
  base::Result<const File *> look(const std::filesystem::path &path);

  std::filesystem::path checkout_;
  std::string common_;
  std::map<std::filesystem::path, File> files_;
};

} // namespace linstub::tools
