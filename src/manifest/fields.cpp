// SPDX-License-Identifier: MIT
#include "manifest/fields.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace linstub::manifest {
namespace {

constexpr size_t longest_text = 512;
constexpr size_t longest_quote = 64; // of what is wrong, in an error
constexpr int deepest = 4;           // a licence: in its list, its component, that list, the whole
constexpr size_t digest_length = 64;
constexpr std::string_view list_names[] = {"inputs", "components", "files"};

// Looks at a manifest while it is parsed.
class Watch {
public:
  explicit Watch(Lists lists) : lists_(lists) {}

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
      return lists_ == Lists::stored || depth != 1 || !std::ranges::contains(list_names, name);
    }
    return true;
  }

private:
  Lists lists_;
  std::vector<std::set<std::string>> fields_; // of each object that is open
};

} // namespace

Json parse_json(std::string_view text, Lists lists) {
  if (text.size() > largest_manifest)
    throw Bad{base::format("it has more than {} bytes", largest_manifest)};
  return Json::parse(text, Watch(lists));
}

const Json &field(const Json &json, std::string_view name) {
  const auto found = json.find(name);
  if (found == json.end())
    throw Bad{base::format("\"{}\" is missing", name)};
  return *found;
}

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

Digest file_digest(const Json &json, std::string_view name) {
  const Json &file = field(json, name);
  expect_only(file, {"size", "sha256"});
  return read_digest(file);
}

Identity identity_of(const Json &json) {
  if (!json.is_object() || !json.contains("format"))
    throw Bad{"it is not a manifest of Linstub"};
  if (const uint64_t its = number(json, "format"); its != format)
    throw Bad{base::format("its format is {}, this program knows {}", its, format)};
  expect_only(json, {"format", "version", "xen", "suite", "kernel", "ramdisk", "init", "system",
                     "inputs", "components", "files"});
  Identity identity{.version = text(json, "version"),
                    .xen = text(json, "xen"),
                    .suite = text(json, "suite"),
                    .kernel = file_digest(json, "kernel"),
                    .ramdisk = {},
                    .init = file_digest(json, "init"),
                    .system = file_digest(json, "system")};
  const Json &ramdisk = field(json, "ramdisk");
  expect_only(ramdisk, {"size", "sha256", "unpacked"});
  identity.ramdisk = read_digest(ramdisk);
  identity.ramdisk_unpacked = number(ramdisk, "unpacked");
  return identity;
}

} // namespace linstub::manifest
