// SPDX-License-Identifier: MIT
#include "structure/sources.hpp"

#include "base/fd.hpp"

#include <algorithm>
#include <ranges>

namespace linstub::structure {
namespace fs = std::filesystem;

namespace {

constexpr size_t largest_source = size_t{1} << 20;
constexpr std::string_view include = "#include \"";
constexpr std::string_view below_src = "src/";

} // namespace

std::string Source::folder() const {
  if (!path.starts_with(below_src))
    return {};
  const size_t end = path.find('/', below_src.size());
  return end == std::string::npos ? "" : path.substr(below_src.size(), end - below_src.size());
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (auto part : text | std::views::split(at))
    parts.emplace_back(std::string_view(part));
  return parts;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found = split(text, ' ');
  std::erase(found, "");
  return found;
}

Source make_source(std::string path, std::string_view text) {
  Source source{.path = std::move(path), .lines = split(text, '\n'), .includes = {}};
  if (text.ends_with('\n'))
    source.lines.pop_back();
  for (const std::string &line : source.lines) {
    if (!line.starts_with(include))
      continue;
    const std::string rest = line.substr(include.size());
    source.includes.push_back(rest.substr(0, rest.find('"')));
  }
  return source;
}

base::Result<std::vector<Source>> read_sources(const fs::path &checkout) {
  std::vector<Source> sources;
  for (const char *top : {"src", "tests", "tools"}) {
    std::error_code error;
    for (auto entry = fs::recursive_directory_iterator(checkout / top, error);
         !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      const fs::path &file = entry->path();
      if (file.extension() == ".cpp" || file.extension() == ".hpp")
        sources.push_back(make_source(file.lexically_relative(checkout).string(),
                                      TRY(base::read_file(file, largest_source))));
    }
    if (error && error != std::errc::no_such_file_or_directory)
      return base::fail("list {}: {}", (checkout / top).string(), error.message());
  }
  if (sources.empty())
    return base::fail("there are no sources in {}: is it a checkout of Linstub?",
                      checkout.string());
  std::ranges::sort(sources, {}, &Source::path);
  return sources;
}

Arrows arrows(const std::vector<Source> &sources) {
  Arrows all;
  for (const Source &source : sources) {
    const std::string from = source.folder();
    if (from.empty())
      continue;
    std::set<std::string> &to = all[from];
    for (const std::string &included : source.includes) {
      const size_t end = included.find('/');
      if (end != std::string::npos && included.substr(0, end) != from)
        to.insert(included.substr(0, end));
    }
  }
  return all;
}

} // namespace linstub::structure
