// SPDX-License-Identifier: MIT
// Keeper: a tiny process that outlives a linstub-dm that dies without an orderly end (kill -9), or
// that hangs. It then runs "linstub-stubdom rescue", which removes the stub domain and crashes the
// guest, so that nothing leaks and on_crash decides.
//
// It reads a pipe that linstub-dm holds open and writes a byte to every few seconds, from its event
// loop. When the pipe ends, linstub-dm has died. When nothing comes for `longest_silence`, it
// hangs: it is killed first. linstub-stubdom holds the pipe open too while it makes a stub domain,
// so that the keeper does not look before there is something to find; it writes nothing, and
// nothing is expected of it.
//
// Only time in which the keeper itself has run counts as silence, by CLOCK_MONOTONIC, which stands
// while the host sleeps: a host that was asleep, or stopped as a whole, finds nobody guilty.
// Whoever stops linstub-dm alone (SIGSTOP, a debugger) for longer than that has its guest crashed,
// unless the keeper is stopped before.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

#include <cstdint>

namespace linstub::broker {

struct Pulse {
  base::Milliseconds interval{5'000};
  // Longer than anything for which linstub-dm may wait outside its event loop: an answer of
  // xenstored (xen::answer_timeout, 30 s).
  base::Milliseconds longest_silence{45'000};
};

// --- What the keeper does, as a pure function ----------------------------------------------------

struct Watch {
  base::Milliseconds silence{0};
  bool killed = false; // linstub-dm, by this keeper

  bool operator==(const Watch &) const = default;
};

// What has happened since the last look.
struct Seen {
  base::Milliseconds passed{0}; // at most two intervals: the rest the keeper itself has not run
  bool beat = false;
  bool dismissed = false;
  bool ended = false; // the pipe: nobody holds it open any more
  bool alive = true;  // linstub-dm
};

enum class Duty : uint8_t { look_on, leave, kill, rescue };

struct Judgement {
  Watch next;
  Duty duty = Duty::look_on;
};

Judgement judge(const Watch &watch, const Seen &seen, const Pulse &pulse);

// --- The keeper ----------------------------------------------------------------------------------

class Keeper {
public:
  // Call it before the process has threads and memory of its own: the keeper is a fork.
  static base::Result<Keeper> start(xen::DomId guest, const char *helper, const Pulse &pulse = {});
  Keeper(Keeper &&) = default;
  Keeper &operator=(Keeper &&) = default;

  // To be called every `pulse.interval`. Does not wait.
  void beat();

  // What linstub-stubdom has to hold open.
  [[nodiscard]] int pipe() const { return pipe_.get(); }

  // Readable when the keeper has ended, which it should not: start another one.
  [[nodiscard]] const base::Fd &pidfd() const { return pidfd_; }

  // An orderly end: the keeper goes without doing anything. Without it, when this object goes, the
  // keeper does its work as soon as nobody holds the pipe.
  void dismiss();

private:
  Keeper(base::Fd pipe, base::Fd pidfd) : pipe_(std::move(pipe)), pidfd_(std::move(pidfd)) {}

  base::Fd pipe_;
  base::Fd pidfd_;
};

} // namespace linstub::broker
