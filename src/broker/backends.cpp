// SPDX-License-Identifier: MIT
#include "broker/backends.hpp"

#include <algorithm>
#include <array>

namespace linstub::broker {
namespace {

using base::fail;
using base::Result;
using Plan = Result<std::optional<BackendMove>>;

constexpr size_t most_carried = 6;

struct Kind {
  std::string_view kind;
  std::string_view device;
  std::array<std::string_view, most_carried> carried{}; // the nodes that QEMU reads
  Plan (*plan)(const BackendNodes &nodes, BackendMove move) = nullptr;
  std::string_view refused; // why, if there is no `plan`
  bool needed = false;
  uint32_t first = 0; // the least number of those that are not another program's
};

std::string_view node(const BackendNodes &nodes, const std::string &name) {
  auto found = nodes.find(name);
  return found == nodes.end() ? std::string_view() : std::string_view(found->second);
}

// libxl's words for formats (libxl__device_disk_string_of_format), in front of the path.
struct Word {
  std::string_view libxl;
  std::string_view qemu;
};
constexpr std::array<Word, 2> formats{{{"aio", "raw"}, {"qcow2", "qcow2"}}};

Plan plan_disk(const BackendNodes &nodes, BackendMove move) {
  // Drivers leave the CD-ROM drive of an HVM guest to its emulation, and blkif has no media.
  if (node(nodes, "device-type") == "cdrom")
    return std::nullopt;
  if (nodes.contains("colo-host"))
    return fail("COLO replication is not supported: take colo out of disk=");
  const std::string_view params = node(nodes, "params");
  const size_t colon = params.find(':');
  if (colon == std::string_view::npos || !params.substr(colon + 1).starts_with('/'))
    return fail("\"{}\" is not the absolute path of an image", params);
  std::string_view format = params.substr(0, colon);
  if (const auto *word = std::ranges::find(formats, format, &Word::libxl); word != formats.end())
    format = word->qemu;
  move.disk = disk::Disk{.path = std::string(params.substr(colon + 1)),
                         .vdev = {},
                         .format = TRY(disk::parse_format(format)),
                         .mode = node(nodes, "mode") == "w" ? disk::DiskMode::read_write
                                                            : disk::DiskMode::read_only};
  return move;
}

Plan plan_plain(const BackendNodes &, BackendMove move) { return move; }

// Those of libxl's QEMU_BACKEND (libxl_internal.h).
constexpr std::array table{
    Kind{"qdisk",
         "vbd",
         {"dev", "mode", "device-type", "discard-enable", "removable"},
         plan_disk,
         {},
         true},
    Kind{"vkbd", "vkbd", {}, plan_plain, {}},
    // The first one is xenconsoled's; the others are channels.
    Kind{"console", "console", {"name", "protocol"}, plan_plain, {}, true, 1},
    Kind{"vfb", "vfb", {}, nullptr, "an HVM guest has an emulated screen: take vfb= out"},
    Kind{"9pfs",
         "9pfs",
         {},
         nullptr,
         "a stub domain has no directory of dom0's to share: type=\"xen_9pfsd\" of p9= is served "
         "by a program of Xen's own"},
    Kind{"qusb",
         "vusb",
         {},
         nullptr,
         "USB devices of the host cannot be passed through: give the guest the whole controller "
         "with "
         "pci="},
};

constexpr auto kinds = [] {
  std::array<std::string_view, table.size()> names;
  std::ranges::transform(table, names.begin(), &Kind::kind);
  return names;
}();

} // namespace

std::span<const std::string_view> backend_kinds() { return kinds; }

bool is_of_device_model(const BackendId &id) {
  const auto *found = std::ranges::find(table, id.kind, &Kind::kind);
  return found != table.end() && id.number >= found->first;
}

std::string_view device_of(std::string_view kind) {
  const auto *found = std::ranges::find(table, kind, &Kind::kind);
  return found == table.end() ? std::string_view() : found->device;
}

Result<std::optional<BackendMove>> plan_backend(const BackendId &id, const BackendNodes &nodes) {
  const auto *kind = std::ranges::find(table, id.kind, &Kind::kind);
  auto plan = [&]() -> Plan {
    if (kind == table.end())
      return fail("it is of no kind that is known");
    if (kind->plan == nullptr)
      return fail("{}", kind->refused);
    BackendMove move{.device = std::string(kind->device),
                     .disk = std::nullopt,
                     .nodes = {},
                     .needed = kind->needed};
    for (const std::string_view name : kind->carried) {
      if (auto found = nodes.find(std::string(name)); found != nodes.end())
        move.nodes.emplace_back(*found);
    }
    return kind->plan(nodes, std::move(move));
  };
  return plan().transform_error(
      base::doing("the PV device {} {}{}", id.kind, std::to_string(id.number),
                  nodes.contains("dev") ? " (" + nodes.at("dev") + ")" : std::string()));
}

} // namespace linstub::broker
