// Unix stream sockets.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <string>

namespace linstub::sys {

// Connects to a listening socket; what is returned does not block. If the listener's queue is
// full, that is an error (code EAGAIN).
base::Result<base::Fd> connect_unix(const std::string &path);

} // namespace linstub::sys
