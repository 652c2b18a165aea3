// SPDX-License-Identifier: MIT
// Unix sockets, and the accepting end of any stream socket. Nothing here blocks.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace linstub::sys {

// Connects to a listening socket; what is returned does not block. If the listener's queue is
// full, that is an error (code EAGAIN).
base::Result<base::Fd> connect_unix(const std::string &path);

// A socket that listens, to which only its owner can connect, from its first moment on. What was at
// the path before is removed.
base::Result<base::Fd> listen_unix(const std::string &path);

// Two that are connected to each other, close-on-exec. `type` is SOCK_STREAM and the like, with
// SOCK_NONBLOCK for what does not block.
base::Result<std::pair<base::Fd, base::Fd>> make_socket_pair(int type);

// What is at that path, by device and number; nothing if nothing is.
std::optional<std::pair<uint64_t, uint64_t>> node_at(const std::string &path);

// A waiting client of a unix or TCP listener; an empty Fd if there is none any more.
base::Result<base::Fd> accept_client(const base::Fd &listener);

} // namespace linstub::sys
