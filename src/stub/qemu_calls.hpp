// SPDX-License-Identifier: MIT
// The system calls that QEMU may make.
#pragma once

#include "sys/call_filter.hpp"

#include <span>

namespace linstub::stub {

// From exec on: what the loader, the C library, glib and QEMU need, also for what this image's QEMU
// does seldom. Every other call fails, as on a kernel that does not permit it.
std::span<const sys::AllowedCall> qemu_calls();

} // namespace linstub::stub
