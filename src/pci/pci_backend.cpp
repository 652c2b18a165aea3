// SPDX-License-Identifier: MIT
#include "pci/pci_backend.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <array>

namespace linstub::pci {
namespace {

using base::Result;
using xen::XenbusState;

constexpr size_t most_devices = 32; // slots of pcifront's bus
constexpr size_t most_nodes = 4096;
constexpr const char *backends = "/local/domain/0/backend/pci";
constexpr const char *libxl_devices = "/libxl/pci";

// The nodes of one device, with and without its number.
constexpr std::array<const char *, 5> device_nodes{"state", "key", "dev", "vdev", "opts"};

} // namespace

std::string PciBackend::path() const { return base::format("{}/{}/0", backends, domid_); }
std::string PciBackend::frontend() const {
  return base::format("{}/device/pci/0", xen::domain_path(domid_));
}

Result<size_t> PciBackend::count() {
  auto text = TRY(xenstore_.read_if_there(path() + "/num_devs", 16));
  return text ? xen::parse_number(*text, most_devices) : Result<uint64_t>(0);
}

Result<std::vector<xen::PciAddress>> PciBackend::devices() {
  std::vector<xen::PciAddress> all;
  size_t number = TRY(count());
  all.reserve(number);
  for (size_t i = 0; i < number; i++)
    all.push_back(TRY(
        xenstore_.read(base::format("{}/dev-{}", path(), i), 32).and_then(xen::parse_pci_address)));
  return all;
}

Result<std::optional<size_t>> PciBackend::find(const xen::PciAddress &address) {
  auto all = TRY(devices());
  auto found = std::ranges::find(all, address);
  if (found == all.end())
    return std::nullopt;
  return static_cast<size_t>(found - all.begin());
}

Result<PciStates> PciBackend::states() {
  return PciStates{.backend = TRY(xen::read_xenbus_state(xenstore_, path() + "/state")),
                   .frontend = TRY(xen::read_xenbus_state(xenstore_, frontend() + "/state"))};
}

Result<bool> PciBackend::has_taken(const xen::PciAddress &address) {
  auto number = TRY(find(address));
  return number &&
         TRY(xen::read_xenbus_state(xenstore_, base::format("{}/state-{}", path(), *number))) ==
             XenbusState::initialised;
}

std::string PciBackend::failure() {
  std::string node = base::format("/local/domain/0/error/backend/pci/{}/0/error", domid_);
  auto text = xenstore_.read_if_there(node, 512);
  return text && *text ? base::printable(**text, 256) : std::string();
}

Result<> PciBackend::create() {
  const std::string state = xen::text(XenbusState::initialising);
  TRY(xenstore_.remove(path()));
  TRY(xenstore_.make_directory(path(), xen::dom0, domid_));
  TRY(xenstore_.write_all(path(), {{"frontend", frontend()},
                                   {"frontend-id", base::format("{}", domid_)},
                                   {"online", "1"},
                                   {"state", state}}));
  TRY(xenstore_.remove(frontend()));
  TRY(xenstore_.make_directory(frontend(), domid_, xen::dom0));
  return xenstore_.write_all(frontend(),
                             {{"backend", path()}, {"backend-id", "0"}, {"state", state}});
}

Result<> PciBackend::open() {
  return xenstore_.transaction([&]() -> Result<> {
    TRY(create());
    return xenstore_.write(path() + "/num_devs", "0");
  });
}

Result<> PciBackend::reconfigure() {
  return xenstore_.write(path() + "/state", xen::text(XenbusState::reconfiguring));
}

Result<> PciBackend::add(std::span<const xen::PciAddress> addresses) {
  return xenstore_.transaction([&]() -> Result<> {
    bool first = !TRY(xenstore_.read_if_there(path() + "/num_devs", 16)); // it was removed
    size_t number = first ? 0 : TRY(count());
    if (first)
      TRY(create());
    for (const xen::PciAddress &address : addresses) {
      if (number >= most_devices)
        return base::fail("a stub domain has room for {} PCI devices", most_devices);
      auto write = [&](const char *node, const std::string &value) {
        return xenstore_.write(base::format("{}/{}-{}", path(), node, number), value);
      };
      TRY(write("key", xen::text(address)));
      TRY(write("dev", xen::text(address)));
      TRY(write("opts", "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict"));
      TRY(write("state", xen::text(XenbusState::initialising)));
      number++;
    }
    TRY(xenstore_.write(path() + "/num_devs", std::to_string(number)));
    return first ? Result<>() : reconfigure();
  });
}

Result<> PciBackend::remove(const xen::PciAddress &address) {
  return xenstore_.transaction([&]() -> Result<> {
    auto number = TRY(find(address));
    if (!number)
      return {};
    TRY(xenstore_.write(base::format("{}/state-{}", path(), *number),
                        xen::text(XenbusState::closing)));
    return reconfigure();
  });
}

Result<> PciBackend::forget(const xen::PciAddress &address) {
  return xenstore_.transaction([&]() -> Result<> {
    auto number = TRY(find(address));
    if (!number)
      return {};
    // Those behind it move up.
    size_t last = TRY(count()) - 1;
    for (const char *node : device_nodes) {
      auto at = [&](size_t i) { return base::format("{}/{}-{}", path(), node, i); };
      for (size_t i = *number; i < last; i++) {
        auto value = TRY(xenstore_.read_if_there(at(i + 1), 256));
        TRY(value ? xenstore_.write(at(i), *value) : xenstore_.remove(at(i)));
      }
      TRY(xenstore_.remove(at(last)));
    }
    return xenstore_.write(path() + "/num_devs", std::to_string(last));
  });
}

Result<> PciBackend::remove_all() {
  auto removed = xenstore_.transaction([&]() -> Result<> {
    TRY(xenstore_.remove(frontend()));
    return xenstore_.remove(base::format("{}/{}", backends, domid_));
  });
  if (!removed)
    return removed;
  return xenstore_.remove(base::format("/local/domain/0/error/backend/pci/{}", domid_));
}

Result<std::vector<xen::DomId>> domains_with_pci(xen::Xenstore &xenstore) {
  std::vector<xen::DomId> all;
  for (const std::string &name : TRY(xenstore.list_if_there(backends, most_nodes))) {
    if (auto domid = xen::parse_domid(name))
      all.push_back(*domid);
  }
  return all;
}

Result<std::vector<xen::DomId>> users_of_pci(xen::Xenstore &xenstore,
                                             const xen::PciAddress &address) {
  std::vector<xen::DomId> users;
  for (xen::DomId domid : TRY(domains_with_pci(xenstore))) {
    auto devices = PciBackend(xenstore, domid).devices();
    if (devices && std::ranges::contains(*devices, address))
      users.push_back(domid);
  }
  return users;
}

Result<std::vector<xen::PciAddress>> pci_of_guest(xen::Xenstore &xenstore, xen::DomId guest) {
  std::vector<xen::PciAddress> all;
  for (std::string name : TRY(xenstore.list_if_there(libxl_devices, most_nodes))) {
    auto owner = TRY(xenstore.read_if_there(base::format("{}/{}/domid", libxl_devices, name), 16));
    if (owner != std::to_string(xen::number(guest)))
      continue;
    // "0000-00-10-0"
    constexpr size_t length = 12;
    if (name.size() != length)
      continue;
    name[4] = name[7] = ':';
    name[10] = '.';
    if (auto address = xen::parse_pci_address(name))
      all.push_back(*address);
  }
  return all;
}

Result<> is_set_aside(xen::Xenstore &xenstore, xen::DomId guest, const std::string &address) {
  const xen::PciAddress wanted = TRY(xen::parse_pci_address(address));
  if (!std::ranges::contains(TRY(pci_of_guest(xenstore, guest)), wanted))
    return base::fail("PCI device {} is not one that libxl attaches to this guest",
                      xen::text(wanted));
  return {};
}

} // namespace linstub::pci
