// Listening sockets in dom0.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "dm/plan.hpp"

#include <string>

namespace linstub::dm {

// A unix socket that listens. What was at the path before is removed.
base::Result<base::Fd> listen_unix(const std::string &path);

// A TCP socket that listens on the first port of the address that is free.
struct VncListener {
  base::Fd socket;
  uint16_t port = 0;
};
base::Result<VncListener> listen_vnc(const VncAddress &address);

// A waiting client, without blocking; an empty Fd if there is none any more.
base::Result<base::Fd> accept_client(const base::Fd &listener);

} // namespace linstub::dm
