// SPDX-License-Identifier: MIT
// Trees of Debian systems for the lab, made by mmdebstrap from the archives that this machine's apt
// knows, without mounts that outlive it.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

struct DebianTree {
  std::string what; // "dom0": for progress and errors
  std::string suite;
  std::vector<std::string> packages;
  std::filesystem::path tree; // where it is made
  std::filesystem::path work; // for scratch files
  std::filesystem::path log;
};

// Unpacks and configures the packages: minbase and these, without documentation and translations.
base::Result<> unpack_debian(const DebianTree &wanted);

// Copies all files below `files` over a tree.
base::Result<> copy_over(const std::filesystem::path &files, const std::filesystem::path &tree);

// Runs a shell script in a tree (chroot). The error has what it said.
base::Result<> run_in_tree(const std::filesystem::path &tree, const std::string &script,
                           base::Milliseconds limit);

// The items of a list file, one a line; comments and empty lines are left out.
std::vector<std::string> list_items(std::string_view text);

} // namespace linstub::lab
