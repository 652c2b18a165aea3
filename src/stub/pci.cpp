// SPDX-License-Identifier: MIT
#include "stub/pci.hpp"

#include "base/log.hpp"
#include "sys/mount.hpp"
#include "xen/domid.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace linstub::stub {
namespace {

constexpr uint64_t most_devices = 32; // slots of pcifront's bus

constexpr const char *backend_node = "device/pci/0/backend";
constexpr std::string_view config_file = "/config";

} // namespace

bool PciDevices::possible() const { return ::access(world_.memory.c_str(), F_OK) == 0; }

// What dom0 says and pcifront has: the real addresses, each with the device's directory.
base::Result<std::map<xen::PciAddress, std::string>> PciDevices::given() {
  std::map<xen::PciAddress, std::string> devices;
  auto backend = TRY(world_.read(backend_node));
  if (!backend)
    return devices;
  auto number = TRY(world_.read(*backend + "/num_devs"));
  if (!number)
    return devices;
  uint64_t count = TRY(xen::parse_number(*number, most_devices)
                           .transform_error(base::doing("the number of PCI devices")));
  for (uint64_t i = 0; i < count; i++) {
    auto real = TRY(world_.read(base::format("{}/dev-{}", *backend, i)));
    auto here = TRY(world_.read(base::format("{}/vdev-{}", *backend, i)));
    if (!real || !here)
      continue; // on its way
    xen::PciAddress address = TRY(xen::parse_pci_address(*real));
    xen::PciAddress local = TRY(xen::parse_pci_address(*here));
    std::string directory = base::format("{}/pci{:04x}:{:02x}/{}", world_.devices, local.domain,
                                         local.bus, xen::text(local));
    if (::access((directory + std::string(config_file)).c_str(), F_OK) == 0)
      devices.emplace(address, std::move(directory));
  }
  return devices;
}

base::Result<> PciDevices::look() {
  auto devices = TRY(given());
  if (devices == linked_)
    return {};
  if (world_.mount && !mounted_) {
    TRY(sys::mount(
        {"tmpfs", world_.links, MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=64k"}));
    mounted_ = true;
  }
  for (const auto &[address, directory] : linked_) {
    std::string link = base::format("{}/{}", world_.links, xen::text(address));
    if (!devices.contains(address))
      base::log_info("PCI device {} has gone", xen::text(address));
    if (::unlink(link.c_str()) != 0 && errno != ENOENT)
      return base::fail_errno(errno, "remove the link {}", link);
  }
  for (const auto &[address, directory] : devices) {
    std::string link = base::format("{}/{}", world_.links, xen::text(address));
    if (::symlink(directory.c_str(), link.c_str()) != 0)
      return base::fail_errno(errno, "link {} to {}", link, directory);
    if (!linked_.contains(address))
      base::log_info("PCI device {} is here as {}", xen::text(address), directory);
  }
  linked_ = std::move(devices);
  return {};
}

std::string PciDevices::ready() const {
  std::string text;
  for (const auto &[address, directory] : linked_)
    text.append(text.empty() ? "" : " ").append(xen::text(address));
  return text;
}

base::Result<base::Fd> PciDevices::open(const std::string &path) const {
  if (linked_.empty())
    return base::Fd();
  if (path == "/dev/mem")
    return base::open_file(world_.memory, O_RDONLY);
  // <links>/<address>/config
  std::string_view rest = path;
  if (!rest.starts_with(world_.links) || !rest.ends_with(config_file))
    return base::Fd();
  rest.remove_prefix(world_.links.size());
  rest.remove_suffix(std::min(rest.size(), config_file.size()));
  if (!rest.starts_with('/'))
    return base::Fd();
  auto address = xen::parse_pci_address(rest.substr(1));
  auto device = address ? linked_.find(*address) : linked_.end();
  if (device == linked_.end())
    return base::Fd();
  return base::open_file(device->second + std::string(config_file), O_RDWR);
}

} // namespace linstub::stub
