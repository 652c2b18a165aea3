// SPDX-License-Identifier: MIT
// The socket between the device model process and the display process, of packets. Neither trusts
// the other: each packet has one size, and the two sides have one kind each.
//
//     display -> device model   a socket, to be joined to QEMU's VNC server in the stub domain
//     device model -> display   the password that viewers have to know from now on
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace linstub::display {

// What RFB's own authentication looks at.
constexpr size_t longest_password = 8;

// Two ends. Nothing here blocks.
base::Result<std::pair<base::Fd, base::Fd>> make_link();

base::Result<> send_stream(const base::Fd &link, const base::Fd &stream);
base::Result<> send_password(const base::Fd &link, std::string_view password);

// The next packet; nothing if there is none now. An error with code EPIPE when the other side has
// ended; any other means that it breaks the protocol.
base::Result<std::optional<base::Fd>> receive_stream(const base::Fd &link);
base::Result<std::optional<std::string>> receive_password(const base::Fd &link);

} // namespace linstub::display
