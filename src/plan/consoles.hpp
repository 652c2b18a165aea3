// SPDX-License-Identifier: MIT
// The options of QEMU's command line that name a service in dom0: -vnc and -serial.
#pragma once

#include "base/result.hpp"
#include "plan/plan.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace linstub::plan {

struct VncOption {
  std::optional<VncAddress> address; // none for "none"
  std::string for_qemu;
};
// Of a value that parse_vnc() has taken: for a QEMU whose only client is in dom0, and of ours. It
// keeps nobody out, and has nothing to keep.
std::string vnc_for_pixels();

// "host:display,options", the last of which may be to=<highest display to try>.
base::Result<VncOption> parse_vnc(std::string_view value);

// libxl's -chardev for an entry of channel=: "pty,id=libxl-channel0" or
// "socket,id=libxl-channel0,path=PATH,server=on,wait=off". Nothing if it is none of those.
base::Result<std::optional<PvConsole>> parse_channel(std::string_view value);

// The id of that chardev.
std::string channel_id(uint32_t number);

// "pty", "null", "none", "file:PATH", "unix:PATH,server=on,wait=off", "/dev/..."
base::Result<SerialPort> parse_serial(std::string_view value);

} // namespace linstub::plan
