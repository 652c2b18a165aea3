// SPDX-License-Identifier: MIT
// What is asked of the sources. Each check returns a sentence for each thing that is wrong.
#pragma once

#include "structure/order.hpp"
#include "structure/sources.hpp"

#include <map>
#include <span>
#include <string>
#include <vector>

namespace linstub::structure {

using Sentences = std::vector<std::string>;

constexpr size_t most_lines = 450;   // of a file
constexpr size_t largest_share = 20; // of a folder of src/, in percent: it must have less
constexpr const char *licence_line = "// SPDX-License-Identifier: MIT";

// Every include of a file of src/ keeps to the order, and the order itself runs one way.
Sentences check_order(const std::vector<Source> &sources, std::span<const Place> order);

// No folder includes itself by way of others.
Sentences check_circles(const Arrows &arrows);

Sentences check_sizes(const std::vector<Source> &sources);

// The first line of each source names the licence.
Sentences check_licences(const std::vector<Source> &sources);

// A file that a comment names ("wire/paths.hpp", "life.cpp") is there.
Sentences check_comments(const std::vector<Source> &sources);

} // namespace linstub::structure
