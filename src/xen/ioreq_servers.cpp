// SPDX-License-Identifier: MIT
#include "xen/ioreq_servers.hpp"

#include "xen/privcmd.hpp"
#include "xen/xen_headers.hpp"

#include <sys/ioctl.h>

extern "C" {
#include <xen/hvm/dm_op.h>
#include <xen/sys/privcmd.h>
}

namespace linstub::xen {
namespace {

constexpr ioservid_t most_servers = 8; // MAX_NR_IOREQ_SERVERS of Xen's asm-x86/hvm/domain.h

} // namespace

base::Result<unsigned> destroy_ioreq_servers(DomId guest) {
  base::Fd privcmd = TRY(open_privcmd());
  unsigned destroyed = 0;
  for (ioservid_t id = 0; id < most_servers; id++) {
    xen_dm_op operation{};
    operation.op = XEN_DMOP_destroy_ioreq_server;
    operation.u.destroy_ioreq_server.id = id;
    privcmd_dm_op_buf buffer{.uptr = &operation, .size = sizeof operation};
    privcmd_dm_op request{.dom = number(guest), .num = 1, .ubufs = &buffer};
    if (::ioctl(privcmd.get(), IOCTL_PRIVCMD_DM_OP, &request) == 0)
      destroyed++;
    else if (errno != ENOENT && errno != EPERM && errno != EINVAL)
      return base::fail_errno(errno, "destroy I/O request server {} of domain {}", id, guest);
  }
  return destroyed;
}

} // namespace linstub::xen
