// SPDX-License-Identifier: MIT
// What the kernel of the stub domain has to be told by whoever starts it.
#pragma once

namespace linstub::wire {

// A PV kernel that uses FSGSBASE reads a register at each change of tasks that only Xen can read
// for it, by taking the instruction apart; without, it keeps it itself. An exit is two such
// changes. Persistent grants would cost 4 MiB for each disk from its start, and a copy of all its
// data.
constexpr const char *kernel_options =
    "console=hvc0 rootfstype=ramfs sysctl.vm.overcommit_memory=1 clocksource=tsc tsc=reliable "
    "nofsgsbase swiotlb=noforce xen_blkfront.feature_persistent=0";

// Without it QEMU can make device-model operations and map memory, of its guest only, and no other
// hypercall; dom0 does for it what it needs beside (guest_call.hpp). With passed-through PCI
// devices, and in libxl's own mode, where dom0 has nobody who would do it, QEMU has to ask Xen for
// more.
constexpr const char *any_hypercall_option = "xen_privcmd.unrestricted=1";

// For linstub-init, which reads its own words from the same line: the least level that it logs
// until xenstore says another, and the setting [exit] spin.
constexpr const char *log_level_option = "linstub.log=";
constexpr const char *spin_option = "linstub.spin=";

// It waits for a guest, whose domid its kernel could not read when it booted: the kernel is told
// any_hypercall_option, and linstub-init restricts what it hands to QEMU (stubdom/spares.hpp).
constexpr const char *spare_option = "linstub.spare";

} // namespace linstub::wire
