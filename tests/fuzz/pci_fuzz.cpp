// SPDX-License-Identifier: MIT
// What a PCI device, the kernel and a stub domain say of it: configuration space, resources,
// addresses and lists of them, the state of pcifront, the map of memory. First byte of the input:
// which parser.
#include "pci/host_pci.hpp"
#include "pci/page_sharing.hpp"
#include "xen/pci_address.hpp"
#include "xen/xenbus.hpp"

#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace linstub;
  if (size == 0)
    return 0;
  const std::span bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const std::string_view text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  constexpr xen::PciAddress device{.domain = 0, .bus = 3, .device = 0, .function = 1};
  switch (data[0] % 6) {
  case 0:
    for (unsigned id = 0; id < 256; id++) {
      // Found: within the bytes, and of that kind.
      size_t at = pci::find_pci_capability(bytes, static_cast<uint8_t>(id));
      if (at != 0 && (at >= bytes.size() || std::to_integer<unsigned>(bytes[at]) != id))
        __builtin_trap();
    }
    if (pci::interrupt_name(pci::interrupt_of(bytes)).empty())
      __builtin_trap();
    break;
  case 1:
    if (auto ranges = pci::parse_pci_resources(text)) {
      for (const pci::PciRange &range : *ranges) {
        constexpr uint64_t page = 4096;
        bool whole = range.space == pci::PciSpace::ports || range.first % page == 0;
        if (range.size == 0 || !whole || range.first + (range.size - 1) < range.first)
          __builtin_trap();
      }
    }
    break;
  case 2:
    // An address that was understood is one that sysfs would write.
    if (auto address = xen::parse_pci_address(text)) {
      if (address->device > 31 || address->function > 7 ||
          xen::parse_pci_address(xen::text(*address)) != *address)
        __builtin_trap();
    }
    break;
  case 3:
    // It is in the list only if its name is.
    if (pci::lists_pci(text, device, ' ') && text.find(xen::text(device)) == text.npos)
      __builtin_trap();
    break;
  case 4:
    if (auto state = xen::parse_xenbus_state(text);
        state > xen::last_xenbus_state ||
        (state != xen::XenbusState::unknown && xen::text(state) != text))
      __builtin_trap();
    break;
  default: {
    // Alone in its page only if the map names it.
    const pci::PciRange range{.space = pci::PciSpace::memory, .first = 0xf0001000, .size = 0x800};
    if (pci::check_pages_unshared(text, device, range) && text.find(xen::text(device)) == text.npos)
      __builtin_trap();
  }
  }
  return 0;
}
