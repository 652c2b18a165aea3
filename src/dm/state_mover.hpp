// StateMover: saves of a stub domain's QEMU, one at a time, and the state disk's coming and going.
#pragma once

#include "dm/state_save.hpp"

namespace linstub::dm {

class StateMover {
public:
  explicit StateMover(base::EventLoop &loop) : loop_(loop) {}

  // A save, or the detaching after it, is under way.
  [[nodiscard]] bool busy() const { return save_ || detach_; }

  // As StateSave::start. Fails while busy().
  base::Result<> save(StateSave::Context context, SaveFor purpose, base::Deadline deadline,
                      StateSave::Done done);

  // Takes the state disk away from a stub domain; `done` is called when it has gone, or cannot be
  // made to go, which is logged. Nothing else can be done meanwhile.
  void detach(xen::DomId stub, std::function<void()> done);

  // The same after a restore, which has left the stub domain with more than `memory` MiB.
  void settle(xen::DomId stub, uint32_t memory);

  // The stub domain is going, and the disk with it: forgets a save.
  void abandon() { save_.reset(); }

  // Calls `then` when it is not busy, now or later.
  void when_idle(std::function<void()> then);

private:
  void run(std::vector<std::string> command, std::function<void()> done);
  void idle();

  base::EventLoop &loop_;
  std::unique_ptr<StateSave> save_;
  std::unique_ptr<Helper> detach_;
  std::function<void()> when_idle_;
  base::EventLoop::Handle former_;
};

} // namespace linstub::dm
