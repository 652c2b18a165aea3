// SPDX-License-Identifier: MIT
// GuestCalls: what QEMU in a stub domain may not ask of Xen itself, asked of dom0
// (wire/guest_call.hpp).
//
// Who asks may be owned by the guest. What he asks is done to this guest and to no other domain,
// and is what a device model may do to it in any case; what it can cost the host is bounded here
// and by Xen: the guest never gets more memory than libxl has set as its most.
#pragma once

#include "base/result.hpp"
#include "wire/guest_call.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>

namespace linstub::broker {

// How many pages QEMU may have put into its guest, for the card's memory and for ROMs, in its life:
// pure.
class PageBudget {
public:
  // `video_memory` in MiB; 0: nothing is said of it.
  explicit PageBudget(uint32_t video_memory);

  // An error, with a code for QEMU, or the pages are spent.
  base::Result<> spend(uint64_t first, uint64_t count);

private:
  uint64_t left_;
};

class GuestCalls {
public:
  // All must outlive it.
  GuestCalls(xen::Xenstore &xenstore, xen::Control &control, xen::DomId guest,
             uint32_t video_memory)
      : xenstore_(xenstore), control_(control), guest_(guest), budget_(video_memory) {}

  // Does what that stub domain of the guest's asks for, if there is something that was not
  // answered. An error is one of xenstore's.
  base::Result<> serve(xen::DomId stub);

private:
  base::Result<> perform(const wire::GuestCall &call);

  xen::Xenstore &xenstore_;
  xen::Control &control_;
  xen::DomId guest_;
  PageBudget budget_;
};

} // namespace linstub::broker
