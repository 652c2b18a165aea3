// SPDX-License-Identifier: MIT
// What the kernel of the stub domain has to be told by whoever starts it.
#pragma once

namespace linstub::wire {

// Persistent grants would cost 4 MiB for each disk from its start, and a copy of all its data.
constexpr const char *kernel_options =
    "console=hvc0 rootfstype=ramfs sysctl.vm.overcommit_memory=1 clocksource=tsc tsc=reliable "
    "xen_privcmd.unrestricted=1 swiotlb=noforce xen_blkfront.feature_persistent=0";

// For linstub-init, which reads its own words from the same line: the least level that it logs
// until xenstore says another, and the setting [exit] spin.
constexpr const char *log_level_option = "linstub.log=";
constexpr const char *spin_option = "linstub.spin=";

} // namespace linstub::wire
