// SPDX-License-Identifier: MIT
#include "stub/nics.hpp"

#include "base/log.hpp"
#include "sys/netlink.hpp"
#include "sys/tap.hpp"

#include <net/if.h>

namespace linstub::stub {

namespace {

// As many as an e1000's driver usually has buffers for. Each takes some 5 KiB of this domain, also
// while the guest takes none: whoever can reach the guest's network sends them.
constexpr uint32_t most_waiting = 256;

std::string tap_of(unsigned int nic) { return base::format("nic{}", nic); }

} // namespace

base::Result<base::Fd> join_nic(unsigned int nic, const std::string &link) {
  sys::Route route = TRY(sys::Route::open());
  const unsigned int frontend = TRY(sys::link_index(link));
  const std::string name = tap_of(nic);
  base::Fd frames = TRY(sys::make_tap(name));
  const unsigned int tap = TRY(sys::link_index(name));
  TRY(route.set_queue(tap, most_waiting));
  TRY(route.redirect(tap, frontend));
  TRY(route.set_flags(tap, IFF_UP));
  TRY(route.set_flags(frontend, IFF_UP));
  base::log_debug("NIC {} is {} by {}", nic, name, link);
  return frames;
}

base::Result<> open_nic(unsigned int nic, const std::string &link) {
  sys::Route route = TRY(sys::Route::open());
  return route.redirect(TRY(sys::link_index(link)), TRY(sys::link_index(tap_of(nic))));
}

} // namespace linstub::stub
