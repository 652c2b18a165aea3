// SPDX-License-Identifier: MIT
// The project's own files, as the checks of this directory see them.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::structure {

struct Source {
  std::string path;                  // in the checkout: "src/dm/life.cpp"
  std::vector<std::string> lines;    // without their ends
  std::vector<std::string> includes; // those in quotes: "base/log.hpp"

  // "dm" of "src/dm/life.cpp"; empty for what is not below src/.
  [[nodiscard]] std::string folder() const;
};

Source make_source(std::string path, std::string_view text);

// The .cpp and .hpp files below src/, tests/ and tools/, sorted by path.
base::Result<std::vector<Source>> read_sources(const std::filesystem::path &checkout);

std::vector<std::string> split(std::string_view text, char at);

// What stands between blanks.
std::vector<std::string> words(std::string_view text);

// Which folder of src/ includes which others: an entry for each folder.
using Arrows = std::map<std::string, std::set<std::string>>;
Arrows arrows(const std::vector<Source> &sources);

} // namespace linstub::structure
