// StateMover: saves of a stub domain's QEMU, one at a time, and the state disk's coming and going.
#pragma once

#include "dm/helper.hpp"
#include "dm/state_save.hpp"

namespace linstub::dm {

class StateMover {
public:
  explicit StateMover(base::EventLoop &loop) : loop_(loop) {}

  // A save, or the detaching after it, is under way.
  [[nodiscard]] bool busy() const { return wanted_ || detach_; }

  // A save is likely to come soon: plugs the disk, and takes it away again if none comes. `ready`
  // is called when a save would begin at once, or there is no hope of that. Does nothing while
  // busy().
  void expect(const StateSave::Context &context, std::function<void()> ready);

  // `done` is called once, from the event loop; the disk is plugged then, in every outcome:
  // detach() is due. Fails while busy().
  base::Result<> save(StateSave::Context context, SaveFor purpose, base::Deadline deadline,
                      StateSave::Done done);

  // Takes the state disk away from a stub domain, used or not; none being there is no error. `done`
  // is called when it has gone, or cannot be made to go, which is logged. Nothing else can be done
  // meanwhile.
  void detach(xen::DomId stub, const std::function<void()> &done);

  // The same after a restore, which has left the stub domain with more than `memory` MiB.
  void settle(xen::DomId stub, uint32_t memory);

  // The stub domain is going, and the disk with it: forgets a save.
  void abandon();

  // Calls `then` when it is not busy, now or later.
  void when_idle(std::function<void()> then);

private:
  base::Result<> plug(const StateSave::Context &context);
  void tell_ready();
  void run(std::vector<std::string> command, const std::function<void()> &done);
  void idle();

  base::EventLoop &loop_;
  std::unique_ptr<StateSave> save_; // asked for, if wanted_; else expected
  StateSave::Done wanted_;
  std::function<void()> ready_; // who expects, until told
  base::EventLoop::Handle expectation_;
  std::unique_ptr<Helper> detach_;
  std::function<void()> when_idle_;
};

} // namespace linstub::dm
