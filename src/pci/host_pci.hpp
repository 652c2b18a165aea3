// SPDX-License-Identifier: MIT
// HostPci: a PCI device of the host as dom0's Linux shows it: what it has, whether xen-pciback
// holds it for guests, and the knobs of xen-pciback that passing it through needs.
#pragma once

#include "base/result.hpp"
#include "xen/pci_address.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::pci {

enum class PciSpace : uint8_t { ports, memory };

// What one base address register points to.
struct PciRange {
  PciSpace space{};
  uint64_t first = 0; // port, or byte of memory
  uint64_t size = 0;

  bool operator==(const PciRange &) const = default;
};

struct HostPci {
  xen::PciAddress address;
  uint16_t vendor = 0;
  uint16_t device = 0;
  uint32_t interrupt = 0; // 0: none
  std::vector<PciRange> ranges;
};

// How a device interrupts now.
enum class PciInterrupt : uint8_t { none, intx, msi, msix };
std::string_view interrupt_name(PciInterrupt kind);

// --- Text and bytes of sysfs -----------------------------------------------------------------

// sysfs' "resource": the ranges of the six base address registers and the ROM. An error for one
// that a guest cannot be given: one without an address, or memory that does not begin where a page
// does, for Xen deals in pages, and the rest of that page may be another device's.
base::Result<std::vector<PciRange>> parse_pci_resources(std::string_view text);

// Offset of the capability in a device's configuration space, 0 if it has none of that kind. The
// bytes are the device's: bounded, whatever they say.
size_t find_pci_capability(std::span<const std::byte> config, uint8_t id);

PciInterrupt interrupt_of(std::span<const std::byte> config);

// Whether a list of addresses, with `between` between them, has this one.
bool lists_pci(std::string_view list, const xen::PciAddress &address, char between = '\n');

// --- The host -----------------------------------------------------------------------------------

class HostPciBus {
public:
  HostPciBus() : HostPciBus("/sys", "/proc/iomem") {}
  HostPciBus(std::string sysfs, std::string iomem)
      : sysfs_(std::move(sysfs)), iomem_(std::move(iomem)) {}

  // What the device has. The error says so if there is no such device, if xen-pciback does not
  // hold it, or if it cannot be passed through: one of its pages may have something else in it
  // (page_sharing.hpp).
  [[nodiscard]] base::Result<HostPci> find(const xen::PciAddress &address) const;

  // What it has, whoever holds it.
  [[nodiscard]] base::Result<HostPci> read(const xen::PciAddress &address) const;
  [[nodiscard]] base::Result<PciInterrupt> interrupt(const xen::PciAddress &address) const;

  // Clears interrupt enable bits that a former owner has left: MSI and MSI-X.
  [[nodiscard]] base::Result<> clear_interrupts(const xen::PciAddress &address) const;

  // Lets the stub domain switch the device's interrupts, which xen-pciback denies by default, and
  // without a word: QEMU's write of the MSI-X enable bit would have no effect. Reads back whether
  // it is so. It ends by itself when xen-pciback gets the device back.
  [[nodiscard]] base::Result<> allow_interrupt_control(const xen::PciAddress &address) const;

  // Whether that is allowed now. After a device was taken from a domain: whether xen-pciback is not
  // done with it yet.
  [[nodiscard]] bool has_interrupt_control(const xen::PciAddress &address) const;

private:
  [[nodiscard]] std::string file(const xen::PciAddress &address, std::string_view name) const;
  [[nodiscard]] base::Result<std::string> text(const xen::PciAddress &address,
                                               std::string_view name) const;
  [[nodiscard]] std::string pciback(std::string_view name) const;
  [[nodiscard]] base::Result<> check_pages(const HostPci &device) const;

  std::string sysfs_;
  std::string iomem_;
};

} // namespace linstub::pci
