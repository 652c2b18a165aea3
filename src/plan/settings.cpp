// SPDX-License-Identifier: MIT
#include "plan/settings.hpp"

#include "base/fd.hpp"
#include "disk/disk_size.hpp"
#include "wire/options.hpp"
#include "xen/domid.hpp"

#define TOML_EXCEPTIONS 0 // parse errors are values
#include <unistd.h>

#include <algorithm>
#include <array>
#include <toml++/toml.hpp>

namespace linstub::plan {
namespace {

base::Result<> set_image(Settings &settings, std::string_view value) {
  if (!value.starts_with('/'))
    return base::fail("\"{}\" is not an absolute path", value);
  settings.image = value;
  return {};
}

base::Result<> set_memory(Settings &settings, std::string_view value) {
  auto number = xen::parse_number(value, most_memory);
  if (!number)
    return base::fail("\"{}\" is not a number of MiB from {} to {}", value, least_memory,
                      most_memory);
  if (*number < least_memory)
    return base::fail("{} MiB is too little: a stub domain needs at least {} MiB", *number,
                      least_memory);
  settings.memory = static_cast<uint32_t>(*number);
  return {};
}

base::Result<> set_log_level(Settings &settings, std::string_view value) {
  if (!base::parse_log_level(value, settings.log_level))
    return base::fail("\"{}\" is none of error, warning, info, debug", value);
  return {};
}

base::Result<> set_kernel_options(Settings &settings, std::string_view value) {
  constexpr size_t longest = 512;
  if (value.size() > longest)
    return base::fail("it is longer than {} bytes", longest);
  settings.kernel_options = value;
  return {};
}

base::Result<> set_largest_disk(Settings &settings, std::string_view value) {
  settings.largest_disk = TRY(disk::parse_size(value));
  return {};
}

struct Key {
  std::string_view name;
  base::Result<> (*set)(Settings &settings, std::string_view value);
};
constexpr std::array<Key, 5> keys{{
    {"image", set_image},
    {"memory", set_memory},
    {"log-level", set_log_level},
    {"kernel-options", set_kernel_options},
    {"largest-disk", set_largest_disk},
}};

std::string known_keys() {
  std::string text;
  for (const Key &key : keys)
    text.append(text.empty() ? "" : ", ").append(key.name);
  return text;
}

// The value of a TOML node as the text that set() takes.
base::Result<std::string> text_of(const toml::node &node) {
  if (auto text = node.value_exact<std::string>())
    return *text;
  if (auto number = node.value_exact<int64_t>())
    return std::to_string(*number);
  return base::fail("it is neither a string nor a number");
}

} // namespace

base::Result<> set(Settings &settings, std::string_view name, std::string_view value) {
  const auto *key = std::ranges::find(keys, name, &Key::name);
  if (key == keys.end())
    return base::fail("there is no setting \"{}\": known are {}", name, known_keys());
  return key->set(settings, value).transform_error(base::doing("setting {}", name));
}

base::Result<> set_all(Settings &settings, std::string_view text) {
  wire::Options options = wire::Options::parse(text);
  if (options.leader())
    return base::fail("\"{}\" is not key=value: known keys are {}", *options.leader(),
                      known_keys());
  for (const wire::Options::Item &item : options.items())
    TRY(set(settings, item.key, item.value.value_or("")));
  return {};
}

base::Result<Settings> load_settings(const std::string &path) {
  Settings settings;
  if (::access(path.c_str(), F_OK) != 0)
    return settings;
  constexpr size_t longest = size_t{64} << 10;
  std::string text = TRY(base::read_file(path, longest));
  toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    return base::fail("{}, line {}: {}", path, parsed.error().source().begin.line,
                      parsed.error().description());
  for (const auto &[name, node] : parsed.table()) {
    std::string value = TRY(text_of(node).transform_error(base::doing("{}: {}", path, name.str())));
    TRY(set(settings, name.str(), value).transform_error(base::doing("{}", path)));
  }
  return settings;
}

} // namespace linstub::plan
