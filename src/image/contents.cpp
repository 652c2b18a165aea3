// SPDX-License-Identifier: MIT
#include "image/contents.hpp"

#include <sstream>

namespace linstub::image {
namespace {

// What stands behind the path.
enum class Third : uint8_t { nothing, origin, package };

struct KindName {
  std::string_view name;
  ContentLine::Kind kind;
  Third third;
};
constexpr KindName kinds[] = {
    {"directory", ContentLine::Kind::directory, Third::nothing},
    {"file", ContentLine::Kind::file, Third::origin},
    {"tree", ContentLine::Kind::tree, Third::origin},
    {"program", ContentLine::Kind::program, Third::origin},
    {"library", ContentLine::Kind::library, Third::nothing},
    {"linked", ContentLine::Kind::linked, Third::package},
};

struct OriginName {
  std::string_view name;
  Origin origin;
};
constexpr OriginName origins[] = {
    {"root", Origin::root}, {"qemu", Origin::qemu}, {"init", Origin::init}};

base::Result<ContentLine> parse_line(const std::string &text) {
  std::istringstream words(text);
  std::string kind;
  std::string path;
  std::string origin;
  std::string place;
  std::string rest;
  words >> kind >> path >> origin >> place >> rest;
  const bool disk_only = kind == "program" && place == "disk";
  if (!rest.empty() || (!place.empty() && !disk_only))
    return base::fail("\"{}\" is too much", rest.empty() ? place : rest);
  for (const KindName &known : kinds) {
    if (known.name != kind)
      continue;
    ContentLine line{.kind = known.kind, .path = path, .disk_only = disk_only};
    if (path.empty() || (line.kind != ContentLine::Kind::library && !path.starts_with('/')))
      return base::fail("\"{}\" is not an absolute path", path);
    if (known.third == Third::nothing)
      return origin.empty() ? base::Result<ContentLine>(line)
                            : base::fail("a {} has no origin", kind);
    if (known.third == Third::package) {
      if (origin.empty())
        return base::fail("there is no package that is linked into {}", path);
      line.source = origin;
      return line;
    }
    const size_t colon = origin.find(':');
    for (const OriginName &name : origins) {
      if (colon != std::string::npos && origin.substr(0, colon) == name.name) {
        line.origin = name.origin;
        line.source = origin.substr(colon + 1);
        return line;
      }
    }
    return base::fail("\"{}\" is not an origin (root:PATH, qemu:PATH, init: or init:FILE)", origin);
  }
  return base::fail("\"{}\" is none of directory, file, tree, program, library and linked", kind);
}

} // namespace

base::Result<std::vector<ContentLine>> parse_contents(std::string_view table) {
  std::vector<ContentLine> lines;
  std::istringstream input{std::string(table)};
  size_t number = 0;
  for (std::string text; std::getline(input, text);) {
    number++;
    const size_t first = text.find_first_not_of(" \t");
    if (first == std::string::npos || text[first] == '#')
      continue;
    lines.push_back(TRY(parse_line(text).transform_error(base::doing("line {}", number))));
  }
  return lines;
}

} // namespace linstub::image
