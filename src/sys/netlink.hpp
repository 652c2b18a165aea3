// SPDX-License-Identifier: MIT
// Route: the few requests to the kernel's rtnetlink (man 7 rtnetlink) that Linstub makes.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace linstub::sys {

// A request under construction: a header, a fixed part, attributes that may nest.
class NetlinkMessage {
public:
  NetlinkMessage(uint16_t type, uint16_t flags);

  template <class Fixed>
  void fixed(const Fixed &part) {
    append(&part, sizeof part);
  }
  void attribute(uint16_t type, const void *data, size_t size);
  void attribute(uint16_t type, const std::string &text); // with its terminating zero
  void attribute(uint16_t type, uint32_t number);
  // Opens an attribute that holds the ones added before end(), which takes what begin() returned.
  size_t begin(uint16_t type);
  void end(size_t nested);

  // The whole message, its length filled in.
  const std::vector<std::byte> &bytes();

private:
  void append(const void *data, size_t size);

  std::vector<std::byte> bytes_;
};

class Route {
public:
  static base::Result<Route> open();

  // Sets flags (IFF_UP, IFF_PROMISC, ...) of a link, leaving the others as they are.
  base::Result<> set_flags(unsigned int link, unsigned int flags);
  base::Result<> clear_flags(unsigned int link, unsigned int flags);

  // How many frames wait at most for whoever takes what the link sends: of a tap, its reader.
  base::Result<> set_queue(unsigned int link, uint32_t frames);

  base::Result<> set_mtu(unsigned int link, uint32_t bytes);

  // Makes the link a port of that one, a bridge for example.
  base::Result<> set_master(unsigned int link, unsigned int master);

  // Every frame that comes in by `from` goes out by `to`, whole and with its checksums, and nothing
  // else in this kernel sees it (tc(8): ingress, matchall, mirred).
  base::Result<> redirect(unsigned int from, unsigned int to);

  // The link must be down, for a Linux before 6.2: else code EBUSY.
  base::Result<> rename(unsigned int link, const std::string &name);

private:
  explicit Route(base::Fd socket) : socket_(std::move(socket)) {}
  base::Result<> change_flags(unsigned int link, unsigned int which, unsigned int to);
  base::Result<> request(NetlinkMessage &message);

  base::Fd socket_;
};

// The number of a link; code ENODEV if there is none of that name.
base::Result<unsigned int> link_index(const std::string &name);

} // namespace linstub::sys
