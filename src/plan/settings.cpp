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

base::Result<> set_tpm(Settings &settings, std::string_view value) {
  if (!value.starts_with('/'))
    return base::fail(
        "\"{}\" is not an absolute path: of the file that the TPM's state is in, or is to "
        "be in",
        value);
  settings.tpm = value;
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

base::Result<> set_type(Settings &settings, std::string_view value) {
  if (value != "pv" && value != "pvh")
    return base::fail("\"{}\" is neither pv nor pvh", value);
  settings.type = value == "pvh" ? xen::DomainType::pvh : xen::DomainType::pv;
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

// A number of [limits], and what Xen, or a stub domain with one disk and one NIC, leaves of it.
struct Limit {
  uint32_t xen::DomainLimits::*member;
  uint32_t least;
  uint32_t most;
  std::string_view what;
};
constexpr uint32_t percent_of_its_cpu = 100; // it has one

base::Result<> set_limit(Settings &settings, std::string_view value, const Limit &limit) {
  auto number = xen::parse_number(value, limit.most);
  if (!number || *number < limit.least)
    return base::fail("\"{}\" is not {} from {} to {}", value, limit.what, limit.least, limit.most);
  settings.limits.*limit.member = static_cast<uint32_t>(*number);
  return {};
}

base::Result<> set_cpu_weight(Settings &settings, std::string_view value) {
  return set_limit(settings, value,
                   {&xen::DomainLimits::cpu_weight, 1, UINT16_MAX, "a scheduler's weight"});
}

base::Result<> set_cpu_cap(Settings &settings, std::string_view value) {
  return set_limit(
      settings, value,
      {&xen::DomainLimits::cpu_cap, 0, percent_of_its_cpu, "a percentage of one CPU (0: no cap)"});
}

base::Result<> set_max_grant_frames(Settings &settings, std::string_view value) {
  return set_limit(
      settings, value,
      {&xen::DomainLimits::max_grant_frames, 4, 1024, "a number of pages of 512 grants"});
}

base::Result<> set_max_maptrack_frames(Settings &settings, std::string_view value) {
  return set_limit(
      settings, value,
      {&xen::DomainLimits::max_maptrack_frames, 0, 1024, "a number of pages of 256 mappings"});
}

base::Result<> set_max_event_channels(Settings &settings, std::string_view value) {
  return set_limit(
      settings, value,
      {&xen::DomainLimits::max_event_channels, 64, 4095, "a number of event channels"});
}

base::Result<> set_spin(Settings &settings, std::string_view value) {
  constexpr uint64_t longest = 100'000;
  if (value != "auto" && value != "off" && !xen::parse_number(value, longest))
    return base::fail("\"{}\" is none of auto, off and a number of microseconds up to {}", value,
                      longest);
  settings.spin = value;
  return {};
}

constexpr std::string_view limits_table = "limits";
constexpr std::string_view exit_table = "exit";
constexpr std::array tables{limits_table, exit_table};

base::Result<> set_portable_state(Settings &settings, std::string_view value) {
  if (value != "yes" && value != "no")
    return base::fail("\"{}\" is neither yes nor no", value);
  settings.saved_form = value == "yes" ? disk::SavedForm::plain : disk::SavedForm::marked;
  return {};
}

base::Result<> set_largest_disk(Settings &settings, std::string_view value) {
  settings.largest_disk = TRY(disk::parse_size(value));
  return {};
}

base::Result<> set_spares(Settings &settings, std::string_view value) {
  auto number = xen::parse_number(value, most_spares);
  if (!number)
    return base::fail("\"{}\" is not a number of stub domains up to {}", value, most_spares);
  settings.spares = static_cast<uint32_t>(*number);
  return {};
}

base::Result<> set_display(Settings &settings, std::string_view value) {
  if (value != "bytes" && value != "pixels")
    return base::fail("\"{}\" is neither bytes nor pixels", value);
  settings.display = value == "pixels" ? Display::pixels : Display::bytes;
  return {};
}

base::Result<> set_system(Settings &settings, std::string_view value) {
  if (value != "disk" && value != "ramdisk")
    return base::fail("\"{}\" is neither disk nor ramdisk", value);
  settings.system = value == "ramdisk" ? System::ramdisk : System::disk;
  return {};
}

struct Key {
  std::string_view table; // in the file; empty: in none
  std::string_view name;
  base::Result<> (*set)(Settings &settings, std::string_view value);
};
constexpr std::array<Key, 17> keys{{
    {"", "image", set_image},
    {"", "memory", set_memory},
    {"", "type", set_type},
    {"", "log-level", set_log_level},
    {"", "kernel-options", set_kernel_options},
    {"", "portable-state", set_portable_state},
    {"", "largest-disk", set_largest_disk},
    {"", "display", set_display},
    {"", "system", set_system},
    {"", "spares", set_spares},
    {"", "tpm", set_tpm},
    {limits_table, "cpu-weight", set_cpu_weight},
    {limits_table, "cpu-cap", set_cpu_cap},
    {limits_table, "max-grant-frames", set_max_grant_frames},
    {limits_table, "max-maptrack-frames", set_max_maptrack_frames},
    {limits_table, "max-event-channels", set_max_event_channels},
    {exit_table, "spin", set_spin},
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
  if (auto flag = node.value_exact<bool>())
    return *flag ? "yes" : "no";
  return base::fail("it is neither a string nor a number, true or false");
}

// All keys of one table; the file's own are in the table without a name.
base::Result<> set_table(Settings &settings, std::string_view table, const toml::table &values) {
  for (const auto &[name, node] : values) {
    if (table.empty() && node.is_table() && std::ranges::contains(tables, name.str())) {
      TRY(set_table(settings, name.str(), *node.as_table()));
      continue;
    }
    const auto *key = std::ranges::find(keys, name.str(), &Key::name);
    if (key != keys.end() && key->table != table)
      return base::fail("setting {} belongs {}", name.str(),
                        key->table.empty() ? std::string("in no table: put it above the first one")
                                           : base::format("in the table [{}]", key->table));
    std::string value = TRY(text_of(node).transform_error(base::doing("{}", name.str())));
    TRY(set(settings, name.str(), value));
  }
  return {};
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
  TRY(set_table(settings, {}, parsed.table()).transform_error(base::doing("{}", path)));
  if (!settings.tpm.empty())
    return base::fail("{}: tpm is the state of one guest: set it in that guest's configuration, "
                      "device_model_args_hvm = [ \"-linstub\", \"tpm={}\" ]",
                      path, settings.tpm);
  return settings;
}

} // namespace linstub::plan
