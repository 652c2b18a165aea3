// SPDX-License-Identifier: MIT
// The functions of Xen's libraries that are stood before, and the pages and numbers that they speak
// of. Not xen/xen_headers.hpp: nothing of Xen's is linked into what is loaded before it.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

// NOLINTBEGIN
// Xen's public headers hide types that they need from a compiler that says it is strict, and want
// xenctrl.h first.
#pragma push_macro("__STRICT_ANSI__")
#undef __STRICT_ANSI__
extern "C" {
// clang-format off
#include <xenctrl.h>
#include <xen/hvm/ioreq.h>
#include <xen/hvm/params.h>
#include <xen/sys/privcmd.h>
// clang-format on
#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
}
#pragma pop_macro("__STRICT_ANSI__")
// NOLINTEND
