// SPDX-License-Identifier: MIT
// The way to xenstored, in a source file of its own: a test links the one of
// tests/fake/xenstore.cpp in its place, and so has a xenstored of its own behind every Xenstore of
// the process.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace linstub::xen {

// Through xenstored's socket where there is one (dom0), else through /dev/xen/xenbus.
base::Result<base::Fd> connect_xenstored();

} // namespace linstub::xen
