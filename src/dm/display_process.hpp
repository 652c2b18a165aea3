// SPDX-License-Identifier: MIT
// DisplayProcess: the program that serves a guest's screen in dom0 with plan::Display::pixels
// (src/display/). It is started with what it works with, among it the sockets that it could not
// open itself, and gives up all rights before it reads anything.
#pragma once

#include "base/event_loop.hpp"
#include "base/process.hpp"
#include "dm/bounded_log.hpp"
#include "plan/plan.hpp"

#include <memory>

namespace linstub::dm {

constexpr const char *display_program = LINSTUB_DISPLAY;

// How much room for pixels a screen gets: what an emulated graphics card with so much memory (MiB;
// 0 for the usual) can show, in bytes. A mode of 8 bits a pixel takes four times as much here.
size_t room_for_pixels(uint32_t video_memory);

class DisplayProcess {
public:
  // Listens where the plan says, and puts port and link into the plan: the link is whose who takes
  // it from there. Nothing if viewers are not its. If it dies, the guest has no screen any more,
  // and goes on.
  static base::Result<std::unique_ptr<DisplayProcess>> start(base::EventLoop &loop,
                                                             plan::Plan &plan);
  DisplayProcess(const DisplayProcess &) = delete;
  DisplayProcess &operator=(const DisplayProcess &) = delete;
  ~DisplayProcess() = default; // kills it

private:
  DisplayProcess(base::Child child, std::unique_ptr<ModelLog> log)
      : log_(std::move(log)), child_(std::move(child)) {}
  void ended();

  std::unique_ptr<ModelLog> log_;
  base::Child child_;
  base::EventLoop::Handle watch_;
};

} // namespace linstub::dm
