// SPDX-License-Identifier: MIT
#include "plan/cpu_hotplug.hpp"

#include "wire/options.hpp"

#include <algorithm>
#include <array>

namespace linstub::plan {
namespace {

using base::fail;
using base::Result;

constexpr uint64_t most_cpus = 512; // more than an HVM guest can have (Xen: HVM_MAX_VCPUS)
constexpr size_t longest_word = 64;
constexpr std::array<std::string_view, 3> place{"socket-id", "core-id", "thread-id"};

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= longest_word && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

bool is_plugged_cpu(const QemuOption &option, std::string_view id) {
  const auto *device = std::get_if<Device>(&option.value);
  return device != nullptr && is_cpu(device->options) && device->options.get("id") == id;
}

} // namespace

bool is_cpu(const wire::Options &device) { return device.get_implied("driver").ends_with("-cpu"); }

Result<> plug_cpu(Plan &plan, std::string_view device) {
  const wire::Options asked = wire::Options::parse(device);
  // Put together anew, of what is known.
  wire::Options cpu;
  const std::string driver = asked.get_implied("driver");
  const std::string id = asked.get_or("id", "");
  if (!is_cpu(asked) || !is_word(driver) || !is_word(id) ||
      asked.items().size() != place.size() + 1)
    return fail("it is no virtual CPU as libxl names one");
  cpu.set_leader(driver);
  cpu.set("id", id);
  for (const std::string_view key : place)
    cpu.set(key, std::to_string(TRY(xen::parse_number(asked.get_or(key, "none"), most_cpus - 1))));
  unplug_cpu(plan, id);
  if (std::ranges::count_if(plan.qemu, [](const QemuOption &option) {
        const auto *one = std::get_if<Device>(&option.value);
        return one != nullptr && is_cpu(one->options);
      }) >= static_cast<std::ptrdiff_t>(most_cpus))
    return fail("more than {} virtual CPUs", most_cpus);
  plan.qemu.push_back({.name = "-device", .value = Device{std::move(cpu)}});
  return {};
}

void unplug_cpu(Plan &plan, std::string_view id) {
  std::erase_if(plan.qemu, [id](const QemuOption &option) { return is_plugged_cpu(option, id); });
}

} // namespace linstub::plan
