// SPDX-License-Identifier: MIT
// Hypercalls as they are, through /dev/xen/privcmd: root in a stub domain can make every one of
// them. Arguments are addresses in this process; the pages must be there (the ones below are on the
// stack or were written to).
#pragma once

#include "base/fd.hpp"
#include "xen/domid.hpp"

#include <array>
#include <cstdint>

namespace linstub::adversary {

class Hypercalls {
public:
  Hypercalls();

  // Through a descriptor that was narrowed to one domain: as QEMU has it.
  explicit Hypercalls(xen::DomId only);

  // What Xen returns; a negative number is an errno.
  template <class... Args>
  long call(unsigned number, Args... args) {
    return make(number, {word(args)...});
  }

  long device_model_operation(xen::DomId domid, uint32_t operation);

  // How many pages of those asked for it got.
  long increase_reservation(unsigned pages);

  void shutdown_for_suspend();

private:
  static uint64_t word(uint64_t number) { return number; }
  static uint64_t word(const void *address) { return reinterpret_cast<uint64_t>(address); }
  long make(unsigned number, const std::array<uint64_t, 5> &args);

  base::Fd privcmd_;
};

} // namespace linstub::adversary
