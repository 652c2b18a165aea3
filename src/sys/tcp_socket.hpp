// SPDX-License-Identifier: MIT
// Listening TCP sockets.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace linstub::sys {

// A socket that listens on the first port from `first_port` to `last_port` that is free. `host` is
// an address or a name; empty: all addresses.
struct TcpListener {
  base::Fd socket;
  uint16_t port = 0;
};
base::Result<TcpListener> listen_tcp(const std::string &host, uint16_t first_port,
                                     uint16_t last_port);

} // namespace linstub::sys
