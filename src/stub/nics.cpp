// SPDX-License-Identifier: MIT
#include "stub/nics.hpp"

#include "base/log.hpp"
#include "sys/netlink.hpp"
#include "sys/tap.hpp"

#include <net/if.h>

namespace linstub::stub {

base::Result<base::Fd> join_nic(unsigned int nic, const std::string &link) {
  sys::Route route = TRY(sys::Route::open());
  const unsigned int frontend = TRY(sys::link_index(link));
  const std::string name = base::format("nic{}", nic);
  base::Fd frames = TRY(sys::make_tap(name));
  const unsigned int tap = TRY(sys::link_index(name));
  TRY(route.redirect(tap, frontend));
  TRY(route.redirect(frontend, tap));
  TRY(route.set_flags(tap, IFF_UP));
  TRY(route.set_flags(frontend, IFF_UP));
  base::log_debug("NIC {} is {} by {}", nic, name, link);
  return frames;
}

} // namespace linstub::stub
