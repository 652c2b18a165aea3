// SPDX-License-Identifier: MIT
#include "stub/nics.hpp"

#include "base/log.hpp"
#include "sys/netlink.hpp"
#include "sys/tap.hpp"

#include <net/if.h>

namespace linstub::stub {

base::Result<base::Fd> join_nic(unsigned int nic, const std::string &link) {
  sys::Route route = TRY(sys::Route::open());
  unsigned int lower = TRY(sys::link_index(link));
  TRY(route.set_flags(lower, IFF_UP));
  std::string name = base::format("nic{}", nic);
  TRY(route.add_macvtap(name, lower));
  unsigned int tap = TRY(sys::link_index(name));
  // Promiscuous for the sake of multicast: a macvtap hears only the groups that it has joined.
  TRY(route.set_flags(tap, IFF_UP | IFF_PROMISC | IFF_ALLMULTI));
  base::log_debug("NIC {} is {} over {}", nic, name, link);
  return sys::open_tap(tap);
}

} // namespace linstub::stub
