// SPDX-License-Identifier: MIT
// A QEMU that waits for its state, beside the one that serves the guest, gets no requests.
//
// QEMU has Xen enable its I/O request server as soon as it has made it, and once more when it runs
// (hw/xen/xen-hvm-common.c, xen_do_ioreq_register() and xen_hvm_change_state_handler()); before
// that it answers nothing. Xen gives a request to one server that has named the address, and looks
// at the newer one first as likely as not (Xen's common/ioreq.c, ioreq_server_select()). A virtual
// CPU whose request has come here would wait until this QEMU runs, so the guest could not be handed
// over; and when this server goes, nobody wakes it up.
//
// Between the two QEMU reads from the shared page what Xen writes there when the server is enabled,
// the numbers of the event channels. So it is enabled, while it has named no address yet, and
// disabled at once. What Xen tells all servers in this moment is answered when the channel of the
// virtual CPU is there (ioreq.cpp, answer_early()).
#include "preload/next.hpp"
#include "preload/xen_functions.hpp"

namespace {

// From linstub-init. True once.
bool awaits_state() {
  static bool awaits = std::getenv("LINSTUB_AWAITS_STATE") != nullptr;
  const bool was = awaits;
  awaits = false;
  return was;
}

} // namespace

LINSTUB_EXPORT int xendevicemodel_set_ioreq_server_state(xendevicemodel_handle *model,
                                                         domid_t domid, ioservid_t server,
                                                         int enabled) {
  static const auto real =
      linstub::preload::next<decltype(::xendevicemodel_set_ioreq_server_state)>(
          "xendevicemodel_set_ioreq_server_state");
  const int result = real(model, domid, server, enabled);
  constexpr int disable = 0;
  return result == 0 && awaits_state() ? real(model, domid, server, disable) : result;
}
