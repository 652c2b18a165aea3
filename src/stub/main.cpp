// SPDX-License-Identifier: MIT
// linstub-init: PID 1 of a stub domain.
//
// Once it has started it must not end: the kernel would panic with no word on why. Each step
// either succeeds or ends the domain with a sentence in xenstore and on the console.

#include "base/log.hpp"
#include "stub/init.hpp"
#include "stub/panic.hpp"

#include <unistd.h>

#include <array>

namespace {

using linstub::stub::Init;

constexpr unsigned int step_seconds = 30;
constexpr unsigned int unlimited = 0;

struct Step {
  const char *name; // what an error says was being done
  linstub::base::Result<> (Init::*run)();
  unsigned int seconds = step_seconds; // it may take
};

constexpr std::array<Step, 8> steps{{
    {"enter the file system of QEMU", &Init::enter_system},
    {"mount the file systems", &Init::mount_file_systems},
    {"open the console", &Init::open_console},
    {"prepare the kernel", &Init::prepare_kernel},
    {"connect to xenstore", &Init::connect_xenstore},
    {"wait for a guest", &Init::await_guest, unlimited},
    {"read what dom0 wants", &Init::load_settings},
    {"watch for events", &Init::watch_world},
}};

} // namespace

int main() {
  linstub::base::set_log("linstub-init", linstub::base::LogLevel::info);
  if (::getpid() != 1) {
    linstub::base::log_error("this is the first process of a stub domain, and does nothing else");
    return 2;
  }
  linstub::stub::catch_everything();
  static Init init; // not on the stack: a signal handler's stack is small, and main never returns
  for (const Step &step : steps) {
    linstub::stub::Watchdog watchdog(step.name, step.seconds);
    if (auto done = (init.*step.run)(); !done)
      linstub::stub::panic(std::string(step.name) + ": " + done.error().message());
  }
  init.run();
}
