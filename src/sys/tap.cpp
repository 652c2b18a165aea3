// SPDX-License-Identifier: MIT
#include "sys/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>

namespace linstub::sys {

base::Result<base::Fd> make_tap(const std::string &name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name)
    return base::fail("the name \"{}\" is too long for a tap", name);
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  base::Fd fd = TRY(base::open_file("/dev/net/tun", O_RDWR | O_NONBLOCK));
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0)
    return base::fail_errno(errno, "make the tap {}", name);
  if (::ioctl(fd.get(), TUNSETOFFLOAD, 0UL) != 0)
    return base::fail_errno(errno, "switch off the offloads of {}", name);
  return fd;
}

} // namespace linstub::sys
