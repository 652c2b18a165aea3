// SPDX-License-Identifier: MIT
// The one place where Xen's C headers come in. They have no `extern "C"` of their own, and want
// xenctrl.h first. The system's headers that they include come before them, because templates may
// not stand inside `extern "C"`. (libxl's are in libxl_headers.hpp: linstub-init must not need it.)
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

// NOLINTBEGIN
// Xen's public headers hide types that they need from a compiler that says it is strict.
#pragma push_macro("__STRICT_ANSI__")
#undef __STRICT_ANSI__
extern "C" {
// clang-format off
#include <xenctrl.h>
#include <xencall.h>
#include <libxenvchan.h>
// clang-format on
#include <xenstore.h>
#include <xentoollog.h>
}
#pragma pop_macro("__STRICT_ANSI__")
// NOLINTEND
