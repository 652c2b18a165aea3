// SPDX-License-Identifier: MIT
// DomainLimits: what a domain may take of the host beside its memory, as Xen counts it. Xen is told
// once, when the domain is made (xl.cfg(5) has the same words), but for the two of the scheduler.
//
// The defaults are a stub domain's. Each is what one with all that it can have needs (64 disks, 8
// NICs, a guest of 128 virtual CPUs), and some room; what is more would only be there to be abused.
#pragma once

#include <cstdint>

namespace linstub::xen {

struct DomainLimits {
  // Its share when CPUs are scarce, beside other domains': Xen's own default. An exit of the guest
  // waits for its stub domain, so less would slow the guest; one that has gone mad gets, with its
  // one virtual CPU, what any other busy domain gets.
  uint32_t cpu_weight = 256;

  // Percent of a physical CPU; 0: as much as there is. With one virtual CPU that is 100 at most.
  uint32_t cpu_cap = 0;

  // Pages of 512 grants each: what it can share with other domains. A disk at full depth has 1057
  // (blkfront: 32 requests, each of 32 pages and one that lists them; the ring), a NIC 514
  // (netfront: two rings and their 256 slots), the channel at most 129. Only what is its own can be
  // granted, and 32 MiB are 16 such pages full of grants: so 32 are as good as all. A page of them
  // costs Xen nine.
  uint32_t max_grant_frames = 32;

  // Pages of 256 mappings each: what it can have of others' grants at a time. QEMU maps a guest's
  // memory as its device model, not by grants. This is room for one that serves as a backend too:
  // the rings of all its disks, 16 pages each, are 2 such pages. Each mapping makes the domain's
  // end take longer.
  uint32_t max_maptrack_frames = 16;

  // Event channels. Its kernel has 8, the channel 1, a disk 1, a NIC 2; QEMU has one for each
  // virtual CPU of the guest and one more: 218 in all.
  uint32_t max_event_channels = 511;

  bool operator==(const DomainLimits &) const = default;
};

} // namespace linstub::xen
