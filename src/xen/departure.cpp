// SPDX-License-Identifier: MIT
#include "xen/departure.hpp"

#include <unistd.h>

namespace linstub::xen {
namespace {

using base::Result;

constexpr useconds_t between_looks = 100'000;

// libxl keeps a list of its own of the devices that it has made, with the place of each frontend.
Result<bool> has_lost_a_device(xen::DomId domid, xen::Xenstore &xenstore) {
  std::string devices = base::format("/libxl/{}/device", domid);
  for (const std::string &kind : TRY(xenstore.list_if_there(devices))) {
    std::string of_kind = base::format("{}/{}", devices, kind);
    for (const std::string &device : TRY(xenstore.list_if_there(of_kind))) {
      auto frontend =
          TRY(xenstore.read_if_there(base::format("{}/{}/frontend", of_kind, device), 256));
      if (frontend && !TRY(xenstore.read_if_there(*frontend)))
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
