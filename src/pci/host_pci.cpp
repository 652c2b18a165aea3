// SPDX-License-Identifier: MIT
#include "pci/host_pci.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "pci/page_sharing.hpp"
#include "xen/domid.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>

namespace linstub::pci {
namespace {

using base::fail;
using base::Result;

constexpr uint64_t page = 4096;
constexpr size_t longest_text = 4096;
constexpr size_t longest_iomem = size_t{1} << 20; // some 60 bytes for each range of each device
constexpr size_t registers = 7;                   // six base address registers and the ROM's

// Flags of a resource (Linux's ioport.h).
constexpr uint64_t flag_ports = 0x100;
constexpr uint64_t flag_memory = 0x200;

// Configuration space (the PCI specification, Linux's pci_regs.h).
constexpr size_t config_size = 256;
constexpr size_t command_register = 0x04;
constexpr size_t status_register = 0x06;
constexpr size_t first_capability = 0x34;
constexpr size_t interrupt_pin = 0x3d;
constexpr uint16_t no_intx = 1U << 10;
constexpr uint16_t has_capabilities = 1U << 4;
constexpr uint8_t msi_capability = 0x05;
constexpr uint8_t msix_capability = 0x11;
constexpr size_t control_offset = 2; // of both
constexpr uint16_t msi_enable = 1U << 0;
constexpr uint16_t msix_enable = 1U << 15;

uint8_t byte_at(std::span<const std::byte> config, size_t at) {
  return at < config.size() ? std::to_integer<uint8_t>(config[at]) : uint8_t{0};
}
uint16_t word_at(std::span<const std::byte> config, size_t at) {
  return static_cast<uint16_t>(byte_at(config, at) | byte_at(config, at + 1) << 8);
}

// "0x..." at the front of `rest`, which is then behind it.
bool take_hex(std::string_view &rest, uint64_t &value) {
  while (rest.starts_with(' '))
    rest.remove_prefix(1);
  if (!rest.starts_with("0x"))
    return false;
  rest.remove_prefix(2);
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, 16);
  if (error != std::errc())
    return false;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  return true;
}

Result<uint64_t> hex_number(const std::string &line) {
  std::string_view text = base::without_end_of_line(line);
  uint64_t value = 0;
  if (!take_hex(text, value) || !text.empty())
    return fail("\"{}\" is not a hexadecimal number", base::printable(text, 40));
  return value;
}

Result<std::vector<std::byte>> read_config(const std::string &path) {
  base::Fd fd = TRY(base::open_file(path, O_RDONLY));
  std::vector<std::byte> bytes(config_size);
  ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 0)
    return base::fail_errno(errno, "read {}", path);
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

} // namespace

std::string_view interrupt_name(PciInterrupt kind) {
  constexpr std::array<std::string_view, 4> names{"none", "INTx", "MSI", "MSI-X"};
  return names.at(static_cast<size_t>(kind));
}

Result<std::vector<PciRange>> parse_pci_resources(std::string_view text) {
  std::vector<PciRange> ranges;
  for (size_t number = 0; number < registers && !text.empty(); number++) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t flags = 0;
    if (!take_hex(line, first) || !take_hex(line, last) || !take_hex(line, flags) || last < first)
      return fail("its resource {} makes no sense", number);
    if ((flags & (flag_ports | flag_memory)) == 0)
      continue; // not there
    bool is_rom = number + 1 == registers;
    if (first == 0 && is_rom)
      continue;
    if (first == 0)
      return fail("its base address register {} points nowhere: neither the firmware nor Linux has "
                  "found room for it",
                  number);
    PciRange range{.space = (flags & flag_ports) != 0 ? PciSpace::ports : PciSpace::memory,
                   .first = first,
                   .size = last - first + 1};
    if (range.space == PciSpace::memory && range.first % page != 0)
      return fail(
          "its base address register {} points to memory at {:#x}, not to the beginning of a "
          "page: the rest of that page may be another device's (Linux in dom0 moves it with "
          "pci=resource_alignment=)",
          number, range.first);
    ranges.push_back(range);
  }
  return ranges;
}

size_t find_pci_capability(std::span<const std::byte> config, uint8_t id) {
  if ((word_at(config, status_register) & has_capabilities) == 0)
    return 0;
  constexpr size_t header = 0x40;
  constexpr size_t most = (config_size - header) / 4;
  size_t at = byte_at(config, first_capability) & ~size_t{3};
  for (size_t i = 0; i < most && at >= header && at + control_offset + 1 < config.size(); i++) {
    if (byte_at(config, at) == id)
      return at;
    at = byte_at(config, at + 1) & ~size_t{3};
  }
  return 0;
}

PciInterrupt interrupt_of(std::span<const std::byte> config) {
  size_t msix = find_pci_capability(config, msix_capability);
  if (msix != 0 && (word_at(config, msix + control_offset) & msix_enable) != 0)
    return PciInterrupt::msix;
  size_t msi = find_pci_capability(config, msi_capability);
  if (msi != 0 && (word_at(config, msi + control_offset) & msi_enable) != 0)
    return PciInterrupt::msi;
  bool intx =
      byte_at(config, interrupt_pin) != 0 && (word_at(config, command_register) & no_intx) == 0;
  return intx ? PciInterrupt::intx : PciInterrupt::none;
}

bool lists_pci(std::string_view list, const xen::PciAddress &address, char between) {
  const std::string wanted = xen::text(address);
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(between));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    if (one == wanted)
      return true;
  }
  return false;
}

std::string HostPciBus::file(const xen::PciAddress &address, std::string_view name) const {
  return base::format("{}/bus/pci/devices/{}/{}", sysfs_, xen::text(address), name);
}

std::string HostPciBus::pciback(std::string_view name) const {
  return base::format("{}/bus/pci/drivers/pciback/{}", sysfs_, name);
}

Result<std::string> HostPciBus::text(const xen::PciAddress &address, std::string_view name) const {
  return base::read_file(file(address, name), longest_text);
}

Result<HostPci> HostPciBus::read(const xen::PciAddress &address) const {
  if (::access(file(address, "").c_str(), F_OK) != 0)
    return fail("there is no PCI device {} in this host", xen::text(address));
  HostPci device{.address = address};
  device.vendor = static_cast<uint16_t>(TRY(text(address, "vendor").and_then(hex_number)));
  device.device = static_cast<uint16_t>(TRY(text(address, "device").and_then(hex_number)));
  const std::string interrupt = TRY(text(address, "irq"));
  device.interrupt = static_cast<uint32_t>(
      TRY(xen::parse_number(std::string(base::without_end_of_line(interrupt)), UINT16_MAX)));
  device.ranges = TRY(text(address, "resource")
                          .and_then(parse_pci_resources)
                          .transform_error(base::doing("PCI device {}", xen::text(address))));
  return device;
}

Result<HostPci> HostPciBus::find(const xen::PciAddress &address) const {
  HostPci device = TRY(read(address));
  if (::access(pciback("").c_str(), F_OK) != 0)
    return fail("PCI device {} cannot be given to a guest: xen-pciback is not there (modprobe "
                "xen-pciback)",
                xen::text(address));
  if (::access(pciback(xen::text(address)).c_str(), F_OK) != 0)
    return fail("PCI device {} is not assignable: xen-pciback does not hold it (xl "
                "pci-assignable-add {})",
                xen::text(address), xen::text(address));
  TRY(check_pages(device).transform_error(base::doing("PCI device {}", xen::text(address))));
  return device;
}

Result<> HostPciBus::check_pages(const HostPci &device) const {
  auto whole = [](const PciRange &range) {
    return range.space != PciSpace::memory || fills_its_pages(range);
  };
  if (std::ranges::all_of(device.ranges, whole))
    return {};
  const std::string iomem = TRY(base::read_file(iomem_, longest_iomem));
  for (const PciRange &range : device.ranges)
    TRY(check_pages_unshared(iomem, device.address, range));
  return {};
}

Result<PciInterrupt> HostPciBus::interrupt(const xen::PciAddress &address) const {
  return interrupt_of(TRY(read_config(file(address, "config"))));
}

Result<> HostPciBus::clear_interrupts(const xen::PciAddress &address) const {
  struct Enable {
    uint8_t capability;
    uint16_t bit;
  };
  constexpr std::array<Enable, 2> enables{
      {{msi_capability, msi_enable}, {msix_capability, msix_enable}}};
  const std::string path = file(address, "config");
  std::vector<std::byte> config = TRY(read_config(path));
  for (const Enable &enable : enables) {
    size_t at = find_pci_capability(config, enable.capability);
    uint16_t control = word_at(config, at + control_offset);
    if (at == 0 || (control & enable.bit) == 0)
      continue;
    base::log_info("PCI device {}: clear an interrupt enable bit that was left set",
                   xen::text(address));
    auto cleared = static_cast<uint16_t>(control & ~enable.bit);
    std::array<unsigned char, 2> bytes{static_cast<unsigned char>(cleared & 0xff),
                                       static_cast<unsigned char>(cleared >> 8)};
    base::Fd fd = TRY(base::open_file(path, O_WRONLY));
    if (::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(at + control_offset)) !=
        static_cast<ssize_t>(bytes.size()))
      return base::fail_errno(errno, "write {}", path);
  }
  return {};
}

Result<> HostPciBus::allow_interrupt_control(const xen::PciAddress &address) const {
  const std::string path = pciback("allow_interrupt_control");
  if (::access(path.c_str(), F_OK) != 0)
    return fail("PCI device {}: xen-pciback of this kernel has no allow_interrupt_control (Linux "
                "has had it since 5.6): interrupts would not work",
                xen::text(address));
  base::Fd fd = TRY(base::open_file(path, O_WRONLY));
  TRY(base::write_all(fd, xen::text(address))
          .transform_error(base::doing("write {} to {}", xen::text(address), path)));
  if (!has_interrupt_control(address))
    return fail("PCI device {}: {} does not list it after it was written there: interrupts would "
                "not work",
                xen::text(address), path);
  return {};
}

bool HostPciBus::has_interrupt_control(const xen::PciAddress &address) const {
  auto list = base::read_file(pciback("allow_interrupt_control"), size_t{64} << 10);
  return list && lists_pci(*list, address);
}

} // namespace linstub::pci
