// SPDX-License-Identifier: MIT
#include "stub/settings.hpp"

#include "stub/arguments.hpp"
#include "wire/frame.hpp"
#include "wire/memory.hpp"
#include "wire/paths.hpp"
#include "xen/vbd.hpp"

#include <algorithm>
#include <ranges>

namespace linstub::stub {
namespace {

constexpr size_t most_files = 16;
constexpr uint64_t largest_file = uint64_t{1} << 32;

base::Result<Mode> read_mode(xen::Xenstore &xenstore) {
  auto version = TRY(xenstore.read_if_there(wire::version_node, 16));
  if (!version)
    return Mode::libxl;
  uint64_t number = TRY(xen::parse_number(*version, UINT32_MAX)
                            .transform_error(base::doing("read {}", wire::version_node)));
  if (number != wire::protocol_version)
    return base::fail("dom0 speaks version {} of Linstub's protocol, this image version {}: "
                      "install linstub-dm and the image of one release",
                      number, wire::protocol_version);
  return Mode::linstub;
}

base::Result<xen::DomId> read_domid(xen::Xenstore &xenstore, const std::string &node) {
  std::string text = TRY(xenstore.read(node, 8));
  return xen::parse_domid(text).transform_error(base::doing("read xenstore node {}", node));
}

// 0 if there is no such node.
base::Result<uint32_t> read_mebibytes(xen::Xenstore &xenstore, const char *node, uint32_t most) {
  const auto text = TRY(xenstore.read_if_there(node, 8));
  if (!text)
    return 0;
  return static_cast<uint32_t>(
      TRY(xen::parse_number(*text, most).transform_error(base::doing("read {}", node))));
}

base::Result<wire::CopiedFile> read_file_node(xen::Xenstore &xenstore, const std::string &node) {
  wire::CopiedFile file{.device = TRY(xenstore.read(node + "/device", 16)),
                        .size = TRY(xenstore.read_number(node + "/size", largest_file)),
                        .path = TRY(xenstore.read(node + "/path", 255))};
  if (!xen::is_disk_name(file.device))
    return base::fail("{}/device is \"{}\", which names no disk", node, file.device);
  if (!is_copied_file_path(file.path))
    return base::fail("{}/path is \"{}\", which is not in {}", node, file.path,
                      wire::files_directory);
  return file;
}

// The children of a node, sorted; none if there is no such node.
base::Result<std::vector<std::string>> children(xen::Xenstore &xenstore, const std::string &node,
                                                size_t limit) {
  auto names = TRY(xenstore.list_if_there(node, limit));
  std::ranges::sort(names);
  return names;
}

base::Result<std::vector<std::string>> read_arguments(xen::Xenstore &xenstore,
                                                      const std::string &node) {
  std::vector<std::string> names = TRY(children(xenstore, node, most_arguments));
  // 001, 002, ... 999, 1000: by length first.
  std::ranges::stable_sort(names, {}, &std::string::size);
  std::vector<std::string> arguments;
  size_t total = 0;
  for (const std::string &name : names) {
    arguments.push_back(TRY(xenstore.read(base::format("{}/{}", node, name))));
    total += arguments.back().size();
    if (total > most_argument_bytes)
      return base::fail("QEMU's arguments in {} are longer than {} bytes", node,
                        most_argument_bytes);
  }
  if (arguments.empty())
    return base::fail("there are no arguments for QEMU in {}", node);
  return arguments;
}

} // namespace

std::string kernel_option(std::string_view line, std::string_view key) {
  for (const auto word : std::views::split(line, ' ')) {
    const std::string_view text(word.begin(), word.end());
    if (text.starts_with(key))
      return std::string(text.substr(key.size(), text.find_last_not_of('\n') + 1 - key.size()));
  }
  return {};
}

bool is_copied_file_path(const std::string &path) {
  std::string_view name = path;
  if (!name.starts_with(wire::files_directory))
    return false;
  name.remove_prefix(std::string_view(wire::files_directory).size());
  return name.size() > 1 && name.front() == '/' && name != "/." && name != "/.." &&
         name.find('/', 1) == std::string_view::npos &&
         std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
}

base::Result<Settings> read_settings(xen::Xenstore &xenstore) {
  Settings settings;
  settings.mode = TRY(read_mode(xenstore));
  settings.self = TRY(read_domid(xenstore, "domid"));
  settings.target = TRY(read_domid(xenstore, "target")); // the guest
  if (auto level = TRY(xenstore.read_if_there(wire::log_level_node, 16)))
    if (!base::parse_log_level(*level, settings.log_level))
      return base::fail("{} is \"{}\", which is no log level", wire::log_level_node,
                        base::printable(*level, 16));
  settings.screen = TRY(read_mebibytes(xenstore, wire::screen_node, wire::largest_screen));
  settings.restore_memory =
      TRY(read_mebibytes(xenstore, wire::restore_node, wire::most_restore_memory));
  for (const std::string &name : TRY(children(xenstore, wire::files_node, most_files)))
    settings.files.push_back(
        TRY(read_file_node(xenstore, base::format("{}/{}", wire::files_node, name))));
  // libxl puts the arguments below the guest's own /vm node, linstub-dm below the stub domain's.
  std::string vm_node = settings.mode == Mode::libxl
                            ? base::format("{}/vm", xen::domain_path(settings.target))
                            : std::string("vm");
  std::string vm = TRY(xenstore.read(vm_node, 256));
  settings.arguments = TRY(read_arguments(xenstore, vm + "/image/dm-argv"));
  return settings;
}

} // namespace linstub::stub
