// SPDX-License-Identifier: MIT
// What of its guest QEMU has mapped, beyond what QEMU knows of it.
#pragma once

namespace linstub::preload {

// Whether QEMU's maps are kept when it gives them back. Only while the guest's requests go through
// our hands: one of them says that maps have gone stale.
void keep_maps(bool on);

// Maps may show memory that is not the guest's any more.
void forget_maps();

} // namespace linstub::preload
