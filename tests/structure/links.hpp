// SPDX-License-Identifier: MIT
// What the folders of src/ link, as their CMakeLists.txt say, beside what they include.
#pragma once

#include "structure/checks.hpp"

#include <filesystem>

namespace linstub::structure {

// What a folder's CMakeLists.txt makes and links of the project's own libraries.
struct Links {
  std::set<std::string> libraries; // "linstub_xen", "linstub_xencontrol"
  std::set<std::string> linked;
};
Links parse_links(std::string_view cmake);

// Of each folder of src/ that has a CMakeLists.txt.
base::Result<std::map<std::string, Links>> read_links(const std::filesystem::path &checkout);

// A folder links the folders that it includes, and no others.
Sentences check_links(const std::map<std::string, Links> &links, const Arrows &arrows);

} // namespace linstub::structure
