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

constexpr std::string_view device_prefix = "/dev/";

// The keys of a -drive that say what is in it, in the stub domain.
constexpr std::array<std::string_view, 6> medium_keys{"file",          "format", "file.driver",
                                                      "file.filename", "cache",  "aio"};

// A block device under its own name.
void use_disk(wire::Options &options, const disk::Disk &disk) {
  options.remove("file");
  options.set("format", disk::format_name(disk.format));
  options.set("file.driver", "host_device");
  options.set("file.filename", std::format("{}{}", device_prefix, disk.vdev));
  // Not direct I/O: QEMU reads straight into the guest's memory, which is foreign to a PV stub
  // domain, and the kernel does not pin such pages for direct I/O (EFAULT, an error of the guest's
  // disk). The guest's flushes reach the disk in dom0 all the same.
  options.set("cache", "writeback");
  options.set("aio", "threads");
}

// The place of an option's value, of those with this name, whose Options are wanted.
template <class Wanted>
std::optional<size_t> find_option(const Plan &plan, std::string_view name, const Wanted &wanted) {
  for (size_t i = 0; i + 1 < plan.qemu.size(); i++) {
    if (plan.qemu[i] == name && wanted(wire::Options::parse(plan.qemu[i + 1])))
      return i + 1;
  }
  return std::nullopt;
}

// The place of the value of -drive for a CD-ROM drive.
Result<size_t> find_cd_drive(const Plan &plan, std::string_view id) {
  auto device = find_option(plan, "-device", [&](const wire::Options &options) {
    return options.leader() == "ide-cd" && options.get("id") == id;
  });
  if (!device)
    return fail("the guest has no CD-ROM drive \"{}\"", id);
  auto name = wire::Options::parse(plan.qemu[*device]).get("drive");
  auto drive = find_option(plan, "-drive",
                           [&](const wire::Options &options) { return options.get("id") == name; });
  if (!name || !drive)
    return fail("the CD-ROM drive \"{}\" cannot have a medium", id);
  return *drive;
}

std::optional<std::string> disk_in(const wire::Options &options) {
  auto device = options.get("file.filename");
  if (!device || !device->starts_with(device_prefix))
    return std::nullopt;
  return device->substr(device_prefix.size());
}

// A name that can stand in /sys/class/net: the kernel's rule, and no more.
bool is_interface_name(std::string_view name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::ranges::none_of(
             name, [](char c) { return c <= ' ' || c == '/' || c == ':' || c > '~'; });
}

struct Refused {
  std::string_view driver;
  std::string_view why;
};
constexpr std::array<Refused, 8> refused_devices{{
    {"qxl-vga", "qxl needs SPICE, which is not served: use vga=\"stdvga\""},
    {"qxl", "qxl needs SPICE, which is not served: use vga=\"stdvga\""},
    {"virtio-serial", "channels of SPICE are not served"},
    {"virtserialport", "channels of SPICE are not served"},
    {"usb-redir", "USB redirection is not served"},
    {"usb-host", "USB devices of the host cannot be passed through"},
    {"xen-pci-passthrough", "PCI passthrough is not served yet"},
    {"vfio-pci", "PCI passthrough is not served yet"},
}};

} // namespace

Result<DriveOption> translate_drive(std::string_view value, size_t number) {
  wire::Options options = wire::Options::parse(value);
  for (const wire::Options::Item &item : options.items()) {
    if (item.key.starts_with("children.") || item.key.starts_with("file.") || item.key == "driver")
      return fail("\"{}\" is not served: COLO replication is not supported", item.key);
  }
  auto path = options.get("file");
  if (!path || path->empty()) {
    options.remove("file");
    return DriveOption{.disk = std::nullopt, .for_qemu = options.text()};
  }
  if (!path->starts_with('/'))
    return fail("the image \"{}\" is not an absolute path: images over a network protocol are not "
                "served",
                *path);
  bool read_only = options.get_or("readonly", "off") == "on";
  disk::Disk disk{.path = *path,
                  .vdev = TRY(xen::disk_name(number)),
                  .format = TRY(disk::parse_format(options.get_or("format", "raw"))),
                  .mode = read_only ? disk::DiskMode::read_only : disk::DiskMode::read_write};
  use_disk(options, disk);
  return DriveOption{.disk = std::move(disk), .for_qemu = options.text()};
}

Result<std::optional<std::string>> medium_of(const Plan &plan, std::string_view drive) {
  return disk_in(wire::Options::parse(plan.qemu[TRY(find_cd_drive(plan, drive))]));
}

Result<std::optional<std::string>> set_medium(Plan &plan, std::string_view drive,
                                              std::optional<disk::Disk> medium) {
  std::string &argument = plan.qemu[TRY(find_cd_drive(plan, drive))];
  wire::Options options = wire::Options::parse(argument);
  auto former = disk_in(options);
  std::erase_if(plan.disks, [&](const disk::Disk &disk) { return disk.vdev == former; });
  for (const std::string_view key : medium_keys)
    options.remove(key);
  if (medium) {
    use_disk(options, *medium);
    plan.disks.push_back(std::move(*medium));
  }
  argument = options.text();
  return former;
}

Result<std::string> free_disk_name(const Plan &plan, const std::set<std::string> &others) {
  for (size_t i = 0;; i++) {
    std::string name = TRY(xen::disk_name(i));
    if (!std::ranges::contains(plan.disks, name, &disk::Disk::vdev) && !others.contains(name) &&
        std::ranges::none_of(plan.files,
                             [&](const CopiedFile &file) { return file.disk.vdev == name; }))
      return name;
  }
}

Result<NetdevOption> translate_netdev(std::string_view value) {
  wire::Options options = wire::Options::parse(value);
  if (options.get_or("type", options.leader().value_or("")) != "tap")
    return fail("only NICs of type tap are served");
  std::string id = options.get_or("id", "");
  if (!id.starts_with("net"))
    return fail("the id \"{}\" is not net<number>", id);
  auto index = xen::parse_number(id.substr(3), most_nics - 1);
  if (!index)
    return fail("a guest has at most {} emulated NICs", most_nics);
  Nic nic{.index = static_cast<uint8_t>(*index),
          .interface = options.get_or("ifname", ""),
          .bridge = options.get_or("br", ""),
          .mac = {}};
  if (!is_interface_name(nic.interface))
    return fail("\"{}\" cannot be the name of a network interface", nic.interface);
  // linstub-init puts the descriptor of the tap in here (wire/paths.hpp).
  std::string for_qemu = std::format("type=tap,id={},ifname=tap{}", id, *index);
  return NetdevOption{.nic = std::move(nic), .for_qemu = std::move(for_qemu)};
}

Result<> check_device(std::string_view driver) {
  const auto *found = std::ranges::find(refused_devices, driver, &Refused::driver);
  if (found != refused_devices.end())
    return fail("{}", found->why);
  return {};
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
  return std::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2],
                     bytes[3], bytes[4], bytes[5]);
}

} // namespace linstub::plan
