// SPDX-License-Identifier: MIT
// The drawing of the structure in ARCHITECTURE.md: the folders of src/ in layers, with their sizes
// and what they include. Made from the includes; nobody writes it.
#pragma once

#include "structure/checks.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace linstub::structure {

struct Row {
  size_t layer = 0; // 0 includes nothing; else one more than the highest that it includes
  std::string folder;
  size_t lines = 0;
  std::vector<std::string> includes; // from the bottom up

  bool operator==(const Row &) const = default;
};

// From the top down. The arrows must have no circle.
std::vector<Row> rows(const std::vector<Source> &sources);

// As text: one row a line, below a heading, indented as a block of code. Lines are rounded to
// hundreds, so that not every change of a source makes another drawing.
std::string draw(const std::vector<Row> &rows);

// The text between the two markers of a document; an error if they are not there.
base::Result<std::string> find_drawing(std::string_view document);

// The document with another drawing in it.
base::Result<std::string> replace_drawing(std::string_view document, std::string_view drawing);

// A sentence for each row of `drawn` that is not true any more. A folder may have grown or shrunk
// by a tenth, or by a hundred lines, before it has to be drawn anew.
Sentences check_drawing(std::string_view drawn, const std::vector<Row> &rows);

} // namespace linstub::structure
