// SPDX-License-Identifier: MIT
// DomainType: what a domain is to Xen.
#pragma once

#include <cstdint>

namespace linstub::xen {

enum class DomainType : uint8_t {
  pv,  // its kernel asks Xen for each change of a page table; each system call goes through Xen
  pvh, // the CPU's extension for virtual machines keeps it apart
};

} // namespace linstub::xen
