// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "manifest/fields.hpp"

#include <set>
#include <utility>

namespace linstub::manifest {
namespace {

constexpr size_t most_inputs = 512;
constexpr size_t most_components = 512;
constexpr size_t most_files = 4096;
constexpr size_t most_licences = 256; // of one component

template <class Item>
std::vector<Item> read_list(const Json &json, std::string_view name, size_t most,
                            Item (*one)(const Json &)) {
  const Json &list = field(json, name);
  if (!list.is_array())
    throw Bad{base::format("\"{}\" is not a list", name)};
  if (list.size() > most)
    throw Bad{base::format("\"{}\" has more than {} entries", name, most)};
  std::vector<Item> items;
  for (const Json &item : list)
    items.push_back(one(item));
  return items;
}

Input read_input(const Json &json) {
  expect_only(json, {"kind", "name", "version", "file", "size", "sha256"});
  Input input{.kind = text(json, "kind"), .name = text(json, "name")};
  if (json.contains("version"))
    input.version = text(json, "version");
  if (json.contains("file")) {
    input.file = text(json, "file");
    input.digest = read_digest(json);
  } else if (json.contains("size") || json.contains("sha256")) {
    throw Bad{base::format("input {} has a digest, but no file", input.name)};
  }
  return input;
}

Component read_component(const Json &json) {
  expect_only(json, {"name", "version", "part", "copyright", "licences"});
  Component component{.name = text(json, "name"),
                      .version = text(json, "version"),
                      .part = text(json, "part"),
                      .copyright = {}};
  // It is a file's name too.
  if (component.name.contains('/') || component.name.starts_with('.'))
    throw Bad{base::format("\"{}\" is not the name of a component", component.name)};
  const Json &copyright = field(json, "copyright");
  expect_only(copyright, {"size", "sha256"});
  component.copyright = read_digest(copyright);
  if (json.contains("licences")) {
    component.licences =
        read_list<std::string>(json, "licences", most_licences,
                               [](const Json &licence) { return text_of(licence, "licences"); });
    if (component.licences.empty())
      throw Bad{"\"licences\" is an empty list"};
  }
  return component;
}

RamdiskFile read_file_entry(const Json &json) {
  expect_only(json, {"path", "origin", "version", "size", "sha256"});
  return {.path = text(json, "path"),
          .origin = text(json, "origin"),
          .version = text(json, "version"),
          .digest = read_digest(json)};
}

void expect_components(const Manifest &manifest) {
  std::set<std::pair<std::string_view, std::string_view>> known;
  for (const Component &component : manifest.components)
    known.emplace(component.name, component.version);
  for (const RamdiskFile &file : manifest.files) {
    if (!known.contains({file.origin, file.version}))
      throw Bad{base::format("{} comes from {} {}, which is not a component", file.path,
                             file.origin, file.version)};
  }
}

} // namespace

base::Result<Manifest> parse(std::string_view text) {
  return reading([text] {
    const Json json = parse_json(text, Lists::stored);
    Manifest manifest{.identity = identity_of(json),
                      .inputs = read_list(json, "inputs", most_inputs, read_input),
                      .components = read_list(json, "components", most_components, read_component),
                      .files = read_list(json, "files", most_files, read_file_entry)};
    expect_components(manifest);
    return manifest;
  });
}

base::Result<Manifest> read(const std::string &path) {
  const std::string json = TRY(base::read_file(path, largest_manifest));
  return parse(json).transform_error(base::doing("read {}", path));
}

} // namespace linstub::manifest
