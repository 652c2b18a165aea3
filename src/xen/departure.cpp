// SPDX-License-Identifier: MIT
#include "xen/departure.hpp"

#include <unistd.h>

namespace linstub::xen {
namespace {

using base::Result;

constexpr useconds_t between_looks = 100'000;

// libxl keeps a list of its own of the devices that it has made, with the place of each end. A
// frontend is its domain's, which can remove it at any time; the backend is dom0's, and libxl tells
// it in the same transaction that the device goes.
Result<bool> is_being_removed(const std::string &device, xen::Xenstore &xenstore) {
  auto frontend = TRY(xenstore.read_if_there(device + "/frontend", 256));
  if (!frontend || TRY(xenstore.read_if_there(*frontend)))
    return false;
  auto backend = TRY(xenstore.read_if_there(device + "/backend", 256));
  return backend && TRY(xenstore.read_if_there(*backend + "/online", 16)) != "1";
}

Result<bool> has_lost_a_device(xen::DomId domid, xen::Xenstore &xenstore) {
  std::string devices = base::format("/libxl/{}/device", domid);
  for (const std::string &kind : TRY(xenstore.list_if_there(devices))) {
    std::string of_kind = base::format("{}/{}", devices, kind);
    for (const std::string &device : TRY(xenstore.list_if_there(of_kind))) {
      if (TRY(is_being_removed(base::format("{}/{}", of_kind, device), xenstore)))
        return true;
    }
  }
  return false;
}

} // namespace

Result<bool> is_being_destroyed(xen::DomId domid, xen::Control &control, xen::Xenstore &xenstore) {
  auto info = TRY(control.info(domid));
  if (!info || info->dying)
    return true;
  if (!info->paused)
    return false;
  bool has_nodes = TRY(xenstore.read_if_there(xen::domain_path(domid))).has_value();
  return !has_nodes || TRY(has_lost_a_device(domid, xenstore));
}

Result<> await_destruction(xen::DomId domid, xen::Control &control, xen::Xenstore &xenstore,
                           base::Deadline deadline) {
  if (!TRY(is_being_destroyed(domid, control, xenstore)))
    return {};
  for (;;) {
    auto info = TRY(control.info(domid));
    if (!info || info->dying || deadline.passed())
      return {};
    ::usleep(between_looks);
  }
}

} // namespace linstub::xen
