// SPDX-License-Identifier: MIT
#include "structure/drawing.hpp"

#include "base/format.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <functional>
#include <utility>

namespace linstub::structure {
namespace {

constexpr std::string_view begin_marker =
    "<!-- The structure, made from the includes: cmake --build BUILD --target drawing -->\n";
constexpr std::string_view end_marker = "<!-- The end of the structure. -->\n";
constexpr std::string_view advice = "draw it anew: cmake --build BUILD --target drawing";

size_t rounded(size_t lines) {
  constexpr size_t step = 100;
  return (lines + step / 2) / step * step;
}

std::string with_comma(size_t number) {
  constexpr size_t thousand = 1000;
  return number < thousand ? std::format("{}", number)
                           : std::format("{},{:03}", number / thousand, number % thousand);
}

size_t to_number(std::string text) {
  std::erase(text, ',');
  size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string text_of(const Row &row) {
  return row.includes.empty() ? "nothing" : base::join(row.includes, " ");
}

// Rows of a drawing: those lines that begin with the number of a layer.
std::vector<Row> read_rows(std::string_view drawn) {
  std::vector<Row> rows;
  for (const std::string &line : split(drawn, '\n')) {
    const std::vector<std::string> parts = words(line);
    constexpr size_t least = 3;
    if (parts.size() < least || parts[0].find_first_not_of("0123456789") != std::string::npos)
      continue;
    rows.push_back({.layer = to_number(parts[0]),
                    .folder = parts[1],
                    .lines = to_number(parts[2]),
                    .includes = {parts.begin() + least, parts.end()}});
  }
  return rows;
}

bool is_about(size_t drawn, size_t lines) {
  constexpr size_t least = 100;
  return (drawn > lines ? drawn - lines : lines - drawn) <= std::max(least, lines / 10);
}

// What is between the markers.
struct Between {
  size_t begin = 0;
  size_t size = 0;
};

base::Result<Between> find_between(std::string_view document) {
  const size_t begin = document.find(begin_marker);
  const size_t end = document.find(end_marker, begin);
  if (begin == std::string_view::npos || end == std::string_view::npos)
    return base::fail("it has no \"{}\" with \"{}\" behind it",
                      begin_marker.substr(0, begin_marker.size() - 1),
                      end_marker.substr(0, end_marker.size() - 1));
  return Between{.begin = begin + begin_marker.size(), .size = end - begin - begin_marker.size()};
}

} // namespace

std::vector<Row> rows(const std::vector<Source> &sources) {
  const Arrows all = arrows(sources);
  std::map<std::string, size_t> lines;
  for (const Source &source : sources)
    lines[source.folder()] += source.lines.size();
  std::map<std::string, size_t> layers;
  const std::function<size_t(const std::string &)> layer_of = [&](const std::string &folder) {
    if (const auto known = layers.find(folder); known != layers.end())
      return known->second;
    size_t layer = 0;
    if (const auto from = all.find(folder); from != all.end()) {
      for (const std::string &to : from->second)
        layer = std::max(layer, layer_of(to) + 1);
    }
    return layers[folder] = layer;
  };
  std::vector<Row> drawn;
  for (const auto &[folder, to] : all) {
    Row row{.layer = layer_of(folder),
            .folder = folder,
            .lines = lines[folder],
            .includes = {to.begin(), to.end()}};
    std::ranges::stable_sort(row.includes, {}, layer_of);
    drawn.push_back(std::move(row));
  }
  std::ranges::stable_sort(drawn, std::greater<>{}, &Row::layer);
  return drawn;
}

std::string draw(const std::vector<Row> &rows) {
  std::string text = std::format("    {:5}  {:9} {:>6}   {}\n", "layer", "folder", "lines",
                                 "includes, of lower layers only");
  size_t all = 0;
  size_t layer = rows.empty() ? 0 : rows.front().layer + 1;
  for (const Row &row : rows) {
    if (std::exchange(layer, row.layer) != row.layer)
      text += std::format("    {:-<90}\n", "");
    text += std::format("    {:>5}  {:9} {:>6}   {}\n", row.layer, row.folder,
                        with_comma(rounded(row.lines)), base::join(row.includes, " "));
    while (text.ends_with(" \n"))
      text.erase(text.size() - 2, 1);
    all += row.lines;
  }
  return text + std::format("    {:-<90}\n    {:5}  {:9} {:>6}\n", "", "", "all",
                            with_comma(rounded(all)));
}

base::Result<std::string> find_drawing(std::string_view document) {
  const Between place = TRY(find_between(document));
  return std::string(document.substr(place.begin, place.size));
}

base::Result<std::string> replace_drawing(std::string_view document, std::string_view drawing) {
  const Between place = TRY(find_between(document));
  // A block of code has empty lines around it.
  return std::string(document).replace(place.begin, place.size, base::format("\n{}\n", drawing));
}

Sentences check_drawing(std::string_view drawn, const std::vector<Row> &rows) {
  Sentences wrong;
  std::vector<Row> old = read_rows(drawn);
  for (const Row &row : rows) {
    const auto found = std::ranges::find(old, row.folder, &Row::folder);
    if (found == old.end()) {
      wrong.push_back(base::format("the drawing has no {}: {}", row.folder, advice));
      continue;
    }
    if (found->layer != row.layer || found->includes != row.includes)
      wrong.push_back(
          base::format("the drawing says that {} (layer {}) includes {}; it is in layer "
                       "{} and includes {}: {}",
                       row.folder, found->layer, text_of(*found), row.layer, text_of(row), advice));
    else if (!is_about(found->lines, row.lines))
      wrong.push_back(base::format("the drawing says that {} has {} lines, it has {}: {}",
                                   row.folder, found->lines, row.lines, advice));
    old.erase(found);
  }
  for (const Row &gone : old)
    wrong.push_back(
        base::format("the drawing has {}, which is not there: {}", gone.folder, advice));
  return wrong;
}

} // namespace linstub::structure
