// SPDX-License-Identifier: MIT
#include "sys/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

namespace linstub::sys {

base::Result<base::Fd> open_tap(unsigned int link) {
  std::string path = base::format("/dev/tap{}", link);
  base::Fd fd = TRY(base::open_file(path, O_RDWR | O_NONBLOCK));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0)
    return base::fail_errno(errno, "set {} to plain frames", path);
  if (::ioctl(fd.get(), TUNSETOFFLOAD, 0UL) != 0)
    return base::fail_errno(errno, "switch off the offloads of {}", path);
  return fd;
}

} // namespace linstub::sys
