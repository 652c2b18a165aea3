// SPDX-License-Identifier: MIT
// StateMover: saves of a stub domain's QEMU, one at a time, and the state disk's coming and going.
#pragma once

#include "broker/host.hpp"
#include "dm/state_save.hpp"
#include "dm/waiters.hpp"

namespace linstub::dm {

class StateMover {
public:
  // Both must outlive it.
  StateMover(base::EventLoop &loop, broker::Host &host) : loop_(loop), host_(host) {}

  // A save, or the detaching after it, is under way.
  [[nodiscard]] bool busy() const { return wanted_ || detaching_; }

  // A save will come: plugs the disk, and takes it away again if none comes within a minute.
  // `ready` is called, now or later, when a save would begin at once, or there is no hope of that.
  // Does nothing else while busy().
  void expect(const StateSave::Context &context, StateSave::Ready ready);

  // None will come: takes the disk of an expect() away from the stub domain.
  void stop_expecting();

  // `done` is called once, from the event loop; the disk is plugged then, in every outcome:
  // detach() is due. If the save was abandoned, the error has code ECANCELED, `done` is called from
  // inside abandon(), and nothing is due. The rest as in StateSave::save(). Fails while busy().
  base::Result<> save(StateSave::Context context, SaveFor purpose, base::Deadline deadline,
                      StateSave::Done done, StateSave::Target target = {});

  // Takes the state disk away from a stub domain, used or not; none being there is no error. `done`
  // is called when it has gone, or cannot be made to go, which is logged. Nothing else can be done
  // meanwhile.
  void detach(const std::function<void()> &done);

  // The same after a restore, which has also left the stub domain with more memory than it needs.
  void finish_restore();

  // The stub domain is going, and the disk with it: who waits for a save is told that it failed. A
  // disk on its way out is waited for with when_idle().
  void abandon();

  // Calls `then` when it is not busy, now or later.
  void when_idle(std::function<void()> then);

private:
  base::Result<> plug(const StateSave::Context &context);
  void plugged(base::Result<SavedState> state);
  void tell_ready();
  void detached(const base::Result<> &result, const std::function<void()> &done);
  void tell_idle();

  base::EventLoop &loop_;
  broker::Host &host_;
  std::unique_ptr<StateSave> save_; // asked for, if wanted_; else expected
  StateSave::Done wanted_;
  std::vector<StateSave::Ready> ready_; // who expects, until told
  base::EventLoop::Handle expectation_;
  bool detaching_ = false;
  Waiters waiters_;
};

} // namespace linstub::dm
