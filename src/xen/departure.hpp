// SPDX-License-Identifier: MIT
// A domain's last seconds: the toolstack has begun to destroy it, and it is not dead yet.
//
// libxl pauses the domain, then takes its devices away, which waits for backends and hotplug
// scripts, then removes its nodes, and only then lets it die. xenstored tells of that end
// (@releaseDomain); the first sign is that a paused domain loses a frontend's nodes, and the
// backend, which is dom0's, is told that it goes: a domain that has removed its own nodes is not
// taken for one that is being destroyed. Watch /local/domain/<domid>/device to be asked to look.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

namespace linstub::xen {

// Also true when it is gone. False for a domain that is only paused, or only loses a device.
base::Result<bool> is_being_destroyed(xen::DomId domid, xen::Control &control,
                                      xen::Xenstore &xenstore);

// Waits until a domain that is being destroyed is dead; returns at once for any other. That it
// still lives when the deadline passes is no error. A dead one may linger for as long as somebody
// maps its memory, as its linstub-dm does.
base::Result<> await_destruction(xen::DomId domid, xen::Control &control, xen::Xenstore &xenstore,
                                 base::Deadline deadline);

} // namespace linstub::xen
