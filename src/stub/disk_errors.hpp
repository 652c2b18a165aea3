// SPDX-License-Identifier: MIT
// Disks that dom0 could not write to. QEMU's writes end in this domain's page cache, so what goes
// wrong with one is known when it has long been acknowledged: the next fdatasync() says so, once.
// That is too late for a guest whose driver takes a flush that has failed for one that the disk
// does not know, and goes on without flushes, as Linux' blkfront does
// (drivers/block/xen-blkfront.c, blkif_interrupt()): the guest's, and this kernel's own, in front
// of dom0. So the kernel's messages are heeded, and a disk that has lost something takes no more:
// each write to it fails.
#pragma once

#include "base/result.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::stub {

// The name of the disk, such as "xvdb", if a message of the kernel says that something written to
// it is lost.
std::optional<std::string> disk_that_lost_data(std::string_view message);

// Every write() to it fails from now on, also by who has it open; reads go on. Until the disk is
// connected anew. False: that is so already.
base::Result<bool> forbid_writes(const std::string &disk);

// What dom0 is told of the disks (wire::disks_node): their names, with "!" behind that of one that
// takes no more. A device model that has it anew would write on to what is left of it.
std::string list_of_disks(const std::vector<std::string> &disks, const std::set<std::string> &lost);

} // namespace linstub::stub
