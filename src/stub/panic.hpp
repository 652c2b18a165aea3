// SPDX-License-Identifier: MIT
// The end of a stub domain: say why, then power off. Nothing here may fail or hang.
//
// panic() works in a signal handler, with memory exhausted, and when every other part is broken:
// it makes system calls only, speaks xenstore's wire format itself (xen/io/xs_wire.h), and a timer
// powers the domain off if that should hang.
#pragma once

#include <string_view>

namespace linstub::stub {

// Writes `why` to the console and data/linstub/error, "failed" to data/linstub/state, and powers
// the domain off. If the process is not PID 1 (a test), it aborts.
[[noreturn]] void panic(std::string_view why);

// The same without writing anything: what was to be said has been said.
[[noreturn]] void power_off();

// Turns fatal signals, exhausted memory and uncaught exceptions into panics.
void catch_everything();

// Bounds a blocking stretch of code: if the guard lives longer than `seconds`, panic with
// "<what> has taken too long". Guards nest; the outer one does not count the time of the inner.
class Watchdog {
public:
  Watchdog(const char *what, unsigned int seconds);
  Watchdog(const Watchdog &) = delete;
  Watchdog &operator=(const Watchdog &) = delete;
  ~Watchdog();

private:
  const char *outer_what_;
  unsigned int outer_seconds_;
};

} // namespace linstub::stub
