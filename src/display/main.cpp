// SPDX-License-Identifier: MIT
// linstub-display: the display of a guest with display = "pixels". Started by linstub-dm, which has
// opened what it works with:
//
//     linstub-display DOMID NAME MOST-BYTES open|password LOG-LEVEL LISTENER LINK
#include "base/log.hpp"
#include "display/confinement.hpp"
#include "display/server.hpp"
#include "display/viewer.hpp"
#include "xen/domid.hpp"

#include <signal.h>

#include <cstdio>
#include <string>
#include <vector>

using namespace linstub;

namespace {

using base::Result;

constexpr uint64_t most_pixels = uint64_t{1} << 30; // bytes

Result<int> descriptor(const std::string &text) {
  return static_cast<int>(TRY(xen::parse_number(text, display::most_descriptors)));
}

Result<> serve(const std::vector<std::string> &arguments) {
  const xen::DomId guest = TRY(xen::parse_domid(arguments[0]));
  display::Server::Config config{
      .listener = base::Fd(TRY(descriptor(arguments[5]))),
      .link = base::Fd(TRY(descriptor(arguments[6]))),
      .name = base::format("QEMU ({})", arguments[1]), // as QEMU calls its own
      .authenticated = arguments[3] == "password",
      .most_bytes = TRY(xen::parse_number(arguments[2], most_pixels))};
  display::warm_up();
  auto loop = TRY(base::EventLoop::create());
  auto server = TRY(
      display::Server::open(*loop, std::move(config), [] { return display::confine_viewer(); }));
  // Viewers' processes that have ended, and have not been waited for yet, count.
  TRY(display::confine_display(guest, 2 * display::Server::most_viewers + 1)
          .transform_error(base::doing("confine the display")));
  return loop->run();
}

} // namespace

int main(int argc, char **argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 7) {
    std::fputs("linstub-display is started by linstub-dm, for a guest with display = \"pixels\"\n",
               stderr);
    return 2;
  }
  auto level = base::LogLevel::info;
  base::parse_log_level(arguments[4], level);
  base::set_log("linstub-display", level);
  for (int signal : {SIGHUP, SIGTERM, SIGINT, SIGPIPE}) // its end comes from linstub-dm
    ::signal(signal, SIG_IGN);
  if (auto served = serve(arguments); !served) {
    base::log_error("{}", served.error().message());
    return 1;
  }
  return 0;
}
