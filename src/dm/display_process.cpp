// SPDX-License-Identifier: MIT
#include "dm/display_process.hpp"

#include "base/log.hpp"
#include "display/link.hpp"
#include "sys/tcp_socket.hpp"

#include <algorithm>
#include <array>

namespace linstub::dm {
namespace {

using base::Result;

constexpr std::array<const char *, 4> log_levels{"error", "warning", "info", "debug"};

} // namespace

size_t room_for_pixels(uint32_t video_memory) {
  constexpr uint32_t usual = 16;   // MiB, as libxl has it for a VGA that it says nothing of
  constexpr uint32_t largest = 64; // more than QEMU's VNC server shows
  return size_t{std::min(2 * std::max(video_memory, usual), largest)} << 20U;
}

Result<std::unique_ptr<DisplayProcess>> DisplayProcess::start(base::EventLoop &loop,
                                                              plan::Plan &plan) {
  if (!plan.vnc || plan.settings.display != plan::Display::pixels)
    return nullptr;
  sys::TcpListener listener =
      TRY(sys::listen_tcp(plan.vnc->host, plan.vnc->first_port, plan.vnc->last_port)
              .transform_error(base::doing("VNC")));
  auto [ours, theirs] = TRY(display::make_link());
  base::Pipe pipe = TRY(base::make_pipe());
  TRY(base::set_nonblocking(pipe.write)); // nothing waits for its log
  auto log = TRY(ModelLog::open(loop, std::move(pipe.read), "linstub-display"));
  base::Child child = TRY(
      base::start({.argv = {display_program, std::to_string(xen::number(*plan.guest)), plan.name,
                            std::to_string(room_for_pixels(plan.video_memory)),
                            plan.vnc->password ? "password" : "open",
                            log_levels.at(static_cast<size_t>(plan.settings.log_level)),
                            std::to_string(listener.socket.get()), std::to_string(theirs.get())},
                   .environment = std::vector<std::string>{},
                   .directory = {},
                   .standard_output = pipe.write.get(),
                   .standard_error = pipe.write.get(),
                   .keep = {listener.socket.get(), theirs.get()},
                   .before_exec = nullptr}));
  std::unique_ptr<DisplayProcess> process(new DisplayProcess(std::move(child), std::move(log)));
  process->watch_ = TRY(loop.watch(process->child_.pidfd().get(), EPOLLIN,
                                   [raw = process.get()](uint32_t) { raw->ended(); }));
  plan.vnc->first_port = plan.vnc->last_port = listener.port;
  plan.vnc->display = ours.release();
  return process;
}

void DisplayProcess::ended() {
  watch_.reset();
  auto status = child_.poll();
  if (status && *status && (*status)->success()) // with the device model process: the guest's end
    return;
  base::log_error("the process that shows the guest's screen has {}: VNC is served again when the "
                  "guest is started anew",
                  status && *status ? (*status)->text() : "ended");
}

} // namespace linstub::dm
