// SPDX-License-Identifier: MIT
// What dpkg knows of the root that we run in.
#pragma once

#include "base/result.hpp"

#include <map>
#include <string>
#include <vector>

namespace linstub::image {

struct Package {
  std::string name; // without the architecture
  std::string version;

  friend bool operator==(const Package &, const Package &) = default;
};

// The versions of installed packages, in the order asked. One that is not installed is an error
// that says what it is wanted for and how to get it.
base::Result<std::vector<Package>> installed_packages(const std::vector<std::string> &names,
                                                      std::string_view wanted_for);

// The package that each file (absolute, symbolic links resolved) belongs to.
base::Result<std::map<std::string, Package>> owners(const std::vector<std::string> &files);

// A program that a step needs, and the package that has it.
struct Tool {
  std::string program;
  std::string package;
};

// An error that names each program which is not in PATH, and one command that installs them all.
base::Result<> check_tools(const std::vector<Tool> &tools, std::string_view wanted_for);

} // namespace linstub::image
