// SPDX-License-Identifier: MIT
// The one place where libxl's headers come in; xen_headers.hpp says why it is done this way.
#pragma once

#include "xen/xen_headers.hpp"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <uuid/uuid.h>

// NOLINTBEGIN
extern "C" {
#include <libxl.h>
#include <libxl_utils.h>
#include <libxlutil.h>
}
// NOLINTEND
