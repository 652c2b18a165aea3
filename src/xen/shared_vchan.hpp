// SPDX-License-Identifier: MIT
// A vchan that one process of dom0, with the rights for it, connects for another one that has none.
// The first reads the nodes, has the kernel prepare the mapping of the pages that the peer grants
// (Linux's xen/gntdev.h), and binds the event channel; the second maps those pages, which is all
// that it can do with the descriptors as long as it may not make other ioctls on them.
//
// That a process maps what another one has prepared works since Linux 5.5 (drivers/xen/gntdev.c:
// a mapping belongs to the address space that mmap was called in).
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "xen/transport.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace linstub::xen {

// What the descriptors have: all that the other process has to know.
struct VchanParts {
  uint64_t control = 0; // offset of the control page in `grants`
  uint64_t write = 0;   // of the ring that we write to; unused if it lies in the control page
  uint64_t read = 0;    // of the one that we read from
  uint32_t port = 0;    // the event channel's, in dom0
  uint16_t write_order = 0;
  uint16_t read_order = 0; // a ring has 1 << order bytes

  // Between two processes of one program.
  [[nodiscard]] std::string encode() const {
    return {reinterpret_cast<const char *>(this), sizeof *this};
  }
  static base::Result<VchanParts> decode(std::string_view bytes) {
    VchanParts parts;
    if (bytes.size() != sizeof parts)
      return base::fail("the parts of a vchan have {} bytes", bytes.size());
    std::memcpy(&parts, bytes.data(), sizeof parts);
    return parts;
  }
};

struct SharedVchan {
  VchanParts parts;
  base::Fd grants; // /dev/xen/gntdev
  base::Fd event;  // /dev/xen/evtchn
};

// Connects to what `peer` serves at `path`, which is absolute: its two nodes must be there. What
// the peer says (two nodes, the sizes, the list of grants) is hostile.
base::Result<SharedVchan> offer_vchan(DomId peer, const std::string &path);

// The only ioctl that the other process makes on its descriptors: IOCTL_EVTCHN_NOTIFY.
constexpr uint32_t notify_request = 0x44504;

// The other process takes it up.
base::Result<std::unique_ptr<Transport>> adopt_vchan(SharedVchan shared);

} // namespace linstub::xen
