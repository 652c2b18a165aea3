// SPDX-License-Identifier: MIT
// Stubdom: linstub-stubdom, the short-lived program that does what needs libxl, as tasks of
// linstub-dm's event loop.
#pragma once

#include "base/event_loop.hpp"
#include "broker/helper.hpp"
#include "plan/description.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace linstub::broker {

constexpr const char *stubdom_program = LINSTUB_STUBDOM;

class Stubdom {
public:
  using Created = std::function<void(base::Result<xen::DomId> stub)>;
  using Done = std::function<void(base::Result<> result)>;

  explicit Stubdom(base::EventLoop &loop, std::string program)
      : loop_(loop), program_(std::move(program)) {}

  // Each starts a task, which has a time limit of its own, and calls `done` once, from the event
  // loop, also if the program cannot be started. When this object goes, its tasks are killed and
  // nobody is called.

  // Makes a stub domain. The task holds `keeper_pipe` open, so that the keeper does not look for
  // the stub domain before there is something to find.
  void create(const plan::Description &description, int keeper_pipe, Created created);

  // Removes all stub domains of the guest; that there is none is no error. After an error there may
  // be one still.
  void destroy(xen::DomId guest, Done done);

  // Unplugs a disk; that it is not there is no error. One after the other: who asks for many has
  // not many programs run at a time.
  void detach(xen::DomId stub, const std::string &vdev, Done done);

  // Those that wait for another one are not begun any more, and fail at once.
  void drop_detachments();

  // After a restore: unplugs the state disk, and takes what memory is above `memory` MiB.
  void finish_restore(xen::DomId stub, uint32_t memory, Done done);

  // Has spare stub domains made, as many as the host's settings say, later: whatever becomes of
  // this program.
  void keep_spares(Done begun);

  void rename(xen::DomId stub, const std::string &name, Done done);

  // It is its guest's only one from now on: the others are removed, and it gets the names that the
  // description has.
  void settle(xen::DomId stub, const plan::Description &description, Done done);

private:
  struct Task {
    Helper::Done done;
    std::unique_ptr<Helper> helper;
    base::EventLoop::Handle failure; // of one that could not be started
  };
  struct Detachment {
    std::vector<std::string> arguments;
    Done done;
  };
  void detach_next();
  void run(Helper::Job job, base::Milliseconds timeout, Helper::Done done);
  void run(std::vector<std::string> arguments, base::Milliseconds timeout, Done done,
           std::string input = {});
  void end(uint64_t id, base::Result<std::string> output);

  base::EventLoop &loop_;
  std::string program_;
  std::map<uint64_t, Task> tasks_;
  uint64_t last_task_ = 0;
  std::deque<Detachment> detachments_; // that wait
  bool detaching_ = false;
};

} // namespace linstub::broker
