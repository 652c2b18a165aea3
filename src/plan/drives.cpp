// SPDX-License-Identifier: MIT
#include "plan/drives.hpp"

#include "plan/arguments.hpp"
#include "wire/options.hpp"
#include "xen/vbd.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace linstub::plan {
namespace {

using base::fail;
using base::Result;

// What else a -drive says of the disk that is in it.
constexpr std::array<std::string_view, 3> medium_keys{"format", "cache", "aio"};

// What no guest may write to, whatever is said of it.
constexpr std::array<std::string_view, 2> cd_drives{"ide-cd", "scsi-cd"};

// The place, among QEMU's options, of the first with a value of that kind that is wanted.
template <class Value, class Wanted>
std::optional<size_t> find_value(const Plan &plan, const Wanted &wanted) {
  for (size_t i = 0; i < plan.qemu.size(); i++) {
    const auto *value = std::get_if<Value>(&plan.qemu[i].value);
    if (value && wanted(value->options))
      return i;
  }
  return std::nullopt;
}

// The place of the Drive that a CD-ROM drive has its medium from.
Result<size_t> find_cd_drive(const Plan &plan, std::string_view id) {
  auto device = find_value<Device>(plan, [&](const wire::Options &options) {
    return options.leader() == "ide-cd" && options.get("id") == id;
  });
  if (!device)
    return fail("the guest has no CD-ROM drive \"{}\"", id);
  auto name = std::get<Device>(plan.qemu[*device].value).options.get("drive");
  auto drive = find_value<Drive>(
      plan, [&](const wire::Options &options) { return options.get("id") == name; });
  if (!name || !drive)
    return fail("the CD-ROM drive \"{}\" cannot have a medium", id);
  return *drive;
}

std::optional<std::string> name_of(const std::optional<disk::Disk> &disk) {
  return disk ? std::optional(disk->vdev) : std::nullopt;
}

// QEMU's two names of one option of -drive. The words for yes and no are those of its
// qapi_bool_parse() (qapi/qapi-util.c).
constexpr std::array<std::string_view, 2> read_only_keys{"readonly", "read-only"};
constexpr std::array<std::string_view, 4> yes{"on", "yes", "true", "y"};
constexpr std::array<std::string_view, 4> no{"off", "no", "false", "n"};

Result<bool> says_read_only(const wire::Options &options) {
  std::optional<bool> said;
  for (const auto &[key, value] : options.items()) {
    if (!std::ranges::contains(read_only_keys, key))
      continue;
    const bool on = std::ranges::contains(yes, value.value_or(""));
    if (!on && !std::ranges::contains(no, value.value_or("")))
      return fail("{}={} is neither on nor off: who may write to a disk is not guessed", key,
                  value.value_or(""));
    if (said.value_or(on) != on)
      return fail("it says that the disk is read-only, and that it is not");
    said = on;
  }
  return said.value_or(false);
}

// For QEMU too: it could not open the disk for writing.
void make_read_only(Drive &drive) {
  drive.options.remove("read-only");
  drive.options.set("readonly", "on");
  if (drive.disk)
    drive.disk->mode = disk::DiskMode::read_only;
}

Result<disk::Disk> disk_of(const wire::Options &options, const std::string &path, size_t number) {
  if (!path.starts_with('/'))
    return fail("the image \"{}\" is not an absolute path: images over a network protocol are not "
                "served. Connect it in dom0 (nbd-client, iscsiadm), and use its block device",
                path);
  return disk::Disk{.path = path,
                    .vdev = TRY(xen::disk_name(number)),
                    .format = TRY(disk::parse_format(options.get_or("format", "raw"))),
                    .mode = disk::DiskMode::read_write};
}

// A name that can stand in /sys/class/net: the kernel's rule, and no more.
bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::ranges::none_of(
             name, [](char c) { return c <= ' ' || c == '/' || c == ':' || c > '~'; });
}

} // namespace

Result<Drive> translate_drive(std::string_view value, size_t number) {
  wire::Options options = wire::Options::parse(value);
  for (const wire::Options::Item &item : options.items()) {
    if (item.key.starts_with("children.") || item.key.starts_with("file.") || item.key == "driver")
      return fail("\"{}\" is not served: COLO replication is not supported, take colo out of disk=",
                  item.key);
  }
  if (options.leader())
    return fail("\"{}\" is not key=value", *options.leader());
  const bool read_only = TRY(says_read_only(options)) || options.get("media") == "cdrom";
  auto path = options.get("file");
  options.remove("file");
  Drive drive{.options = std::move(options), .disk = std::nullopt};
  if (path && !path->empty())
    drive.disk = TRY(disk_of(drive.options, *path, number));
  if (read_only)
    make_read_only(drive);
  return drive;
}

void protect_cd_drives(Plan &plan) {
  for (const QemuOption &option : plan.qemu) {
    const auto *device = std::get_if<Device>(&option.value);
    if (!device || !std::ranges::contains(cd_drives, device->options.get_implied("driver")))
      continue;
    const auto name = device->options.get("drive");
    auto drive = find_value<Drive>(
        plan, [&](const wire::Options &options) { return name && options.get("id") == name; });
    if (drive)
      make_read_only(std::get<Drive>(plan.qemu[*drive].value));
  }
}

std::vector<disk::Disk> disks_of(const Plan &plan) {
  std::vector<disk::Disk> disks;
  for (const QemuOption &option : plan.qemu) {
    if (const auto *drive = std::get_if<Drive>(&option.value); drive && drive->disk)
      disks.push_back(*drive->disk);
  }
  disks.insert(disks.end(), plan.pv_disks.begin(), plan.pv_disks.end());
  if (plan.tpm)
    disks.push_back(*plan.tpm);
  return disks;
}

Result<std::optional<std::string>> medium_of(const Plan &plan, std::string_view drive) {
  return name_of(std::get<Drive>(plan.qemu[TRY(find_cd_drive(plan, drive))].value).disk);
}

Result<std::optional<std::string>> set_medium(Plan &plan, std::string_view drive,
                                              std::optional<disk::Disk> medium) {
  auto &[options, disk] = std::get<Drive>(plan.qemu[TRY(find_cd_drive(plan, drive))].value);
  auto former = name_of(disk);
  for (const std::string_view key : medium_keys)
    options.remove(key);
  disk = std::move(medium);
  return former;
}

Result<std::string> free_disk_name(const Plan &plan, const std::set<std::string> &others) {
  const std::vector<disk::Disk> disks = disks_of(plan);
  for (size_t i = 0;; i++) {
    std::string name = TRY(xen::disk_name(i));
    if (!std::ranges::contains(disks, name, &disk::Disk::vdev) && !others.contains(name) &&
        std::ranges::none_of(plan.files,
                             [&](const CopiedFile &file) { return file.disk.vdev == name; }))
      return name;
  }
}

Result<uint8_t> nic_number(std::string_view netdev) {
  constexpr std::string_view prefix = "net";
  if (!netdev.starts_with(prefix))
    return fail("the id \"{}\" is not net<number>", netdev);
  auto index = xen::parse_number(netdev.substr(prefix.size()), most_nics - 1);
  if (!index)
    return fail("a guest has at most {} emulated NICs: give the others type=vif, for PV drivers",
                most_nics);
  return static_cast<uint8_t>(*index);
}

Result<NetdevOption> translate_netdev(std::string_view value) {
  wire::Options options = wire::Options::parse(value);
  if (options.get_implied("type") != "tap")
    return fail("only NICs of type tap are served");
  std::string id = options.get_or("id", "");
  const uint8_t index = TRY(nic_number(id));
  Nic nic{.index = index,
          .interface = options.get_or("ifname", ""),
          .bridge = options.get_or("br", ""),
          .mac = {}};
  if (!is_interface_name(nic.interface))
    return fail("\"{}\" cannot be the name of a network interface", nic.interface);
  // linstub-init puts the descriptor of the tap in here (wire/paths.hpp).
  std::string for_qemu = base::format("type=tap,id={},ifname=tap{}", id, index);
  return NetdevOption{.nic = std::move(nic), .for_qemu = std::move(for_qemu)};
}

Result<std::string> frontend_mac(const std::string &guest_mac) {
  std::array<uint8_t, 6> bytes{};
  std::string_view text = guest_mac;
  for (uint8_t &byte : bytes) {
    const std::string_view digits = text.substr(0, 2);
    auto [end, error] = std::from_chars(digits.begin(), digits.end(), byte, 16);
    if (error != std::errc() || end != digits.begin() + 2)
      return fail("\"{}\" is not a MAC address", guest_mac);
    text.remove_prefix(2);
    if (&byte != &bytes.back()) {
      if (!text.starts_with(':'))
        return fail("\"{}\" is not a MAC address", guest_mac);
      text.remove_prefix(1);
    }
  }
  if (!text.empty())
    return fail("\"{}\" is not a MAC address", guest_mac);
  constexpr uint8_t local = 0x02;
  constexpr uint8_t group = 0x01;
  // If the guest's is local already, the stub domain's must still be another one.
  bytes[1] = static_cast<uint8_t>(bytes[1] ^ ((bytes[0] & local) != 0 ? 0x80 : 0));
  bytes[0] = static_cast<uint8_t>((bytes[0] | local) & ~group);
  return base::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2],
                      bytes[3], bytes[4], bytes[5]);
}

} // namespace linstub::plan
