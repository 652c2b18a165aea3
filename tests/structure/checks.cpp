// SPDX-License-Identifier: MIT
#include "structure/checks.hpp"

#include "base/format.hpp"

#include <algorithm>
#include <functional>

namespace linstub::structure {
namespace {

constexpr std::string_view order_file = "tests/structure/order.hpp";

const Place *find_place(std::span<const Place> order, std::string_view folder) {
  auto found = std::ranges::find(order, folder, &Place::folder);
  return found == order.end() ? nullptr : &*found;
}

std::string may_include(const Place &place) {
  return place.may_include.empty() ? "nothing else of src/" : std::string(place.may_include);
}

// The table itself: every row names rows above it.
Sentences check_rows(std::span<const Place> order) {
  Sentences wrong;
  std::set<std::string, std::less<>> before;
  for (const Place &place : order) {
    for (const std::string &other : words(place.may_include)) {
      if (!before.contains(other))
        wrong.push_back(base::format("{} lets {} include {}, which does not stand above it",
                                     order_file, place.folder, other));
    }
    before.emplace(place.folder);
  }
  return wrong;
}

constexpr bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/';
}

// What stands behind the slashes of a comment; empty if there is none. Slashes in a string are not.
std::string_view comment_of(std::string_view line) {
  bool in_string = false;
  for (size_t at = 0; at + 1 < line.size(); at++) {
    if (line[at] == '\\')
      at++;
    else if (line[at] == '"')
      in_string = !in_string;
    else if (!in_string && line.substr(at).starts_with("//"))
      return line.substr(at + 2);
  }
  return {};
}

// The names of sources in a line's comment.
std::vector<std::string> named_files(std::string_view source_line) {
  std::vector<std::string> names;
  const std::string_view line = comment_of(source_line);
  for (const std::string_view ending : {".hpp", ".cpp"}) {
    for (size_t at = line.find(ending); at != std::string_view::npos;
         at = line.find(ending, at + ending.size())) {
      size_t begin = at;
      while (begin > 0 && is_name(line[begin - 1]))
        begin--;
      const size_t end = at + ending.size();
      const bool whole = (end == line.size() || !is_name(line[end])) &&
                         (begin == 0 || std::string_view(" (\"`").contains(line[begin - 1]));
      if (begin < at && whole)
        names.emplace_back(line.substr(begin, end - begin));
    }
  }
  return names;
}

} // namespace

Sentences check_order(const std::vector<Source> &sources, std::span<const Place> order) {
  Sentences wrong = check_rows(order);
  std::set<std::string> without_place;
  for (const Source &source : sources) {
    const std::string folder = source.folder();
    if (folder.empty())
      continue;
    const Place *place = find_place(order, folder);
    if (place == nullptr) {
      if (without_place.insert(folder).second)
        wrong.push_back(base::format("src/{} has no place in {}: give it one", folder, order_file));
      continue;
    }
    const std::vector<std::string> allowed = words(place->may_include);
    for (const std::string &included : source.includes) {
      const size_t end = included.find('/');
      const std::string other = included.substr(0, end);
      if (end == std::string::npos || other == folder || std::ranges::contains(allowed, other))
        continue;
      wrong.push_back(base::format("{} includes {}, against the order: {} may include {}",
                                   source.path, included, folder, may_include(*place)));
    }
  }
  return wrong;
}

Sentences check_circles(const Arrows &arrows) {
  Sentences wrong;
  std::set<std::string> done;
  std::vector<std::string> way;
  const std::function<void(const std::string &)> follow = [&](const std::string &folder) {
    const auto met = std::ranges::find(way, folder);
    if (met != way.end()) {
      std::vector<std::string> circle(met, way.end());
      circle.push_back(folder);
      wrong.push_back(base::format("these folders of src/ include each other in a circle: {}",
                                   base::join(circle, " → ")));
      return;
    }
    if (done.contains(folder) || !arrows.contains(folder))
      return;
    way.push_back(folder);
    for (const std::string &next : arrows.at(folder))
      follow(next);
    way.pop_back();
    done.insert(folder);
  };
  for (const auto &[folder, to] : arrows)
    follow(folder);
  return wrong;
}

Sentences check_sizes(const std::vector<Source> &sources) {
  Sentences wrong;
  std::map<std::string, size_t> folders;
  size_t all = 0;
  for (const Source &source : sources) {
    const size_t count = source.lines.size();
    if (count > most_lines)
      wrong.push_back(base::format("{} has {} lines, and a file may have {}: take it apart",
                                   source.path, count, most_lines));
    if (!source.folder().empty()) {
      folders[source.folder()] += count;
      all += count;
    }
  }
  for (const auto &[folder, count] : folders) {
    if (count * 100 >= all * largest_share)
      wrong.push_back(base::format("src/{} has {} of {} lines, and a folder must have less than "
                                   "{} % of them: take it apart",
                                   folder, count, all, largest_share));
  }
  return wrong;
}

Sentences check_licences(const std::vector<Source> &sources) {
  Sentences wrong;
  for (const Source &source : sources) {
    if (source.lines.empty() || source.lines.front() != licence_line)
      wrong.push_back(
          base::format("the first line of {} is not \"{}\"", source.path, licence_line));
  }
  return wrong;
}

Sentences check_comments(const std::vector<Source> &sources) {
  std::set<std::string, std::less<>> there; // each by its path, by that below the top, by its name
  for (const Source &source : sources) {
    there.insert(source.path);
    there.insert(source.path.substr(source.path.find('/') + 1));
    there.insert(source.path.substr(source.path.rfind('/') + 1));
  }
  Sentences wrong;
  for (const Source &source : sources) {
    for (const std::string &line : source.lines) {
      for (const std::string &name : named_files(line)) {
        if (!there.contains(name))
          wrong.push_back(
              base::format("a comment of {} names {}, which is not there", source.path, name));
      }
    }
  }
  return wrong;
}

} // namespace linstub::structure
