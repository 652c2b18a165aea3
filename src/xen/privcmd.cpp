// SPDX-License-Identifier: MIT
#include "xen/privcmd.hpp"

#include "xen/xen_headers.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

extern "C" {
#include <xen/sys/privcmd.h>
}

namespace linstub::xen {

base::Result<base::Fd> open_privcmd() { return base::open_file(privcmd_node, O_RDWR); }

base::Result<base::Fd> open_privcmd(DomId only) {
  base::Fd privcmd = TRY(open_privcmd());
  const domid_t domid = number(only);
  if (::ioctl(privcmd.get(), IOCTL_PRIVCMD_RESTRICT, &domid) != 0)
    return base::fail_errno(errno, "restrict {} to domain {}", privcmd_node, only);
  return privcmd;
}

} // namespace linstub::xen
