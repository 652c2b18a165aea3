// SPDX-License-Identifier: MIT
#include "sys/terminal.hpp"

#include <fcntl.h>
#include <termios.h>

namespace linstub::sys {

base::Result<base::Fd> open_raw_terminal(const std::string &path, int flags) {
  base::Fd fd = TRY(base::open_file(path, flags | O_NOCTTY));
  termios settings{};
  if (::tcgetattr(fd.get(), &settings) != 0)
    return base::fail_errno(errno, "read the terminal settings of {}", path);
  ::cfmakeraw(&settings);
  if (::tcsetattr(fd.get(), TCSANOW, &settings) != 0)
    return base::fail_errno(errno, "set {} to raw mode", path);
  return fd;
}

} // namespace linstub::sys
