// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "base/log.hpp"
#include "manifest/manifest.hpp"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>

namespace linstub::manifest {
namespace {

using Json = nlohmann::json;

constexpr size_t largest_manifest = size_t{1} << 20;
constexpr size_t longest_text = 512;
constexpr size_t longest_quote = 64; // of what is wrong, in an error
constexpr size_t most_inputs = 512;
constexpr size_t most_components = 512;
constexpr size_t most_files = 4096;
constexpr size_t most_licences = 256; // of one component
constexpr int deepest = 4;            // a licence: in its list, its component, that list, the whole
constexpr size_t digest_length = 64;

// What is in the lists of a manifest is nearly all of it.
constexpr std::string_view lists[] = {"inputs", "components", "files"};

// The functions here throw this, or one of nlohmann's exceptions; parse() makes an error of both.
struct Bad {
  std::string what;
};

// Looks at a manifest while it is parsed: bounds its depth, refuses a field that is there twice
// (others would take the first, or the last), and keeps lists that are not wanted from being
// stored.
class Watch {
public:
  explicit Watch(Extent extent) : extent_(extent) {}

  bool operator()(int depth, Json::parse_event_t event, const Json &parsed) {
    using Event = Json::parse_event_t;
    // What is not stored has a start, but no end: only the depth tells.
    fields_.resize(static_cast<size_t>(depth));
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= deepest)
        throw Bad{"it is nested too deeply"};
      fields_.emplace_back();
    } else if (event == Event::key) {
      const auto &name = parsed.get_ref<const std::string &>();
      if (!fields_.back().insert(name).second)
        throw Bad{base::format("\"{}\" is there twice", base::printable(name, longest_quote))};
      return extent_ == Extent::everything || depth != 1 || !std::ranges::contains(lists, name);
    }
    return true;
  }

private:
  Extent extent_;
  std::vector<std::set<std::string, std::less<>>> fields_; // of each object that is open
};

const Json &field(const Json &json, std::string_view name) {
  const auto found = json.find(name);
  if (found == json.end())
    throw Bad{base::format("\"{}\" is missing", name)};
  return *found;
}

// No other fields than these.
void expect_only(const Json &json, std::initializer_list<std::string_view> names) {
  if (!json.is_object())
    throw Bad{"something that is not an object is where one is expected"};
  for (const auto &[name, value] : json.items()) {
    if (!std::ranges::contains(names, std::string_view(name)))
      throw Bad{base::format("\"{}\" is not known", base::printable(name, longest_quote))};
  }
}

std::string text_of(const Json &json, std::string_view name) {
  if (!json.is_string())
    throw Bad{base::format("\"{}\" is not a string", name)};
  const auto &text = json.get_ref<const std::string &>();
  auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (text.empty() || text.size() > longest_text || std::ranges::any_of(text, control))
    throw Bad{base::format("\"{}\" is empty, too long, or not plain text", name)};
  return text;
}

std::string text(const Json &json, std::string_view name) {
  return text_of(field(json, name), name);
}

uint64_t number(const Json &json, std::string_view name) {
  const Json &value = field(json, name);
  if (!value.is_number_unsigned())
    throw Bad{base::format("\"{}\" is not a size", name)};
  return value.get<uint64_t>();
}

Digest read_digest(const Json &json) {
  Digest digest{.size = number(json, "size"), .sha256 = text(json, "sha256")};
  if (digest.sha256.size() != digest_length ||
      digest.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw Bad{"\"sha256\" is not a SHA-256 digest"};
  return digest;
}

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

Manifest read_manifest(const Json &json, Extent extent) {
  if (!json.is_object() || !json.contains("format"))
    throw Bad{"it is not a manifest of Linstub"};
  if (json["format"] != format)
    throw Bad{base::format("its format is {}, this program knows {}",
                           base::printable(json["format"].dump(), longest_quote), format)};
  expect_only(json, {"format", "version", "xen", "suite", "kernel", "ramdisk", "inputs",
                     "components", "files"});
  Manifest manifest{.version = text(json, "version"),
                    .xen = text(json, "xen"),
                    .suite = text(json, "suite"),
                    .kernel = {},
                    .ramdisk = {}};
  const Json &kernel = field(json, "kernel");
  expect_only(kernel, {"size", "sha256"});
  manifest.kernel = read_digest(kernel);
  const Json &ramdisk = field(json, "ramdisk");
  expect_only(ramdisk, {"size", "sha256", "unpacked"});
  manifest.ramdisk = read_digest(ramdisk);
  manifest.ramdisk_unpacked = number(ramdisk, "unpacked");
  if (extent == Extent::everything) {
    manifest.inputs = read_list(json, "inputs", most_inputs, read_input);
    manifest.components = read_list(json, "components", most_components, read_component);
    manifest.files = read_list(json, "files", most_files, read_file_entry);
    expect_components(manifest);
  }
  return manifest;
}

} // namespace

base::Result<Manifest> parse(std::string_view json, Extent extent) {
  if (json.size() > largest_manifest)
    return base::fail("it has more than {} bytes", largest_manifest);
  try {
    return read_manifest(Json::parse(json, Watch(extent)), extent);
  } catch (const Bad &bad) {
    return base::fail("{}", bad.what);
  } catch (const nlohmann::json::exception &error) {
    return base::fail("{}", error.what());
  }
}

base::Result<Manifest> read(const std::filesystem::path &path, Extent extent) {
  const std::string json = TRY(base::read_file(path, largest_manifest));
  return parse(json, extent).transform_error(base::doing("read {}", path.string()));
}

} // namespace linstub::manifest
