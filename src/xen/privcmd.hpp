// SPDX-License-Identifier: MIT
// /dev/xen/privcmd: the way of a program to the hypervisor, and how it is narrowed before the
// program gets it.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

namespace linstub::xen {

constexpr const char *privcmd_node = "/dev/xen/privcmd";

base::Result<base::Fd> open_privcmd();

// One with which device-model operations can be made, and memory mapped, of `only` alone, and no
// other hypercall; whoever has it cannot take that back (Linux' IOCTL_PRIVCMD_RESTRICT).
base::Result<base::Fd> open_privcmd(DomId only);

} // namespace linstub::xen
