// SPDX-License-Identifier: MIT
#include "broker/stubdom.hpp"

#include "base/format.hpp"

#include <utility>

namespace linstub::broker {
namespace {

using base::Milliseconds;
using base::Result;

// libxl waits for 60 s for a device model; what is left is for removing a stub domain that could
// not be made, and for saying why.
constexpr Milliseconds creation_timeout{44'000};
// Longer than the program itself takes at most (stubdom_main.cpp).
constexpr Milliseconds removal_timeout{160'000};
constexpr Milliseconds detach_timeout{40'000};
constexpr Milliseconds rename_timeout{60'000};

Result<xen::DomId> domid_in(std::string output) {
  if (output.ends_with('\n'))
    output.pop_back();
  return xen::parse_domid(output);
}

} // namespace

void Stubdom::create(const plan::Description &description, int keeper_pipe, Created created) {
  run({.argv = {program_, "create"}, .input = plan::encode(description), .keep = keeper_pipe},
      creation_timeout, [created = std::move(created)](Result<std::string> output) {
        created(std::move(output).and_then(domid_in));
      });
}

void Stubdom::destroy(xen::DomId guest, Done done) {
  run({"destroy", base::format("{}", guest)}, removal_timeout, std::move(done));
}

void Stubdom::detach(xen::DomId stub, const std::string &vdev, Done done) {
  detachments_.push_back(
      {.arguments = {"detach", base::format("{}", stub), vdev}, .done = std::move(done)});
  detach_next();
}

void Stubdom::detach_next() {
  if (detaching_ || detachments_.empty())
    return;
  detaching_ = true;
  Detachment next = std::move(detachments_.front());
  detachments_.pop_front();
  run(std::move(next.arguments), detach_timeout,
      [this, done = std::move(next.done)](const Result<> &detached) {
        detaching_ = false;
        detach_next();
        done(detached);
      });
}

void Stubdom::drop_detachments() {
  for (const Detachment &dropped : std::exchange(detachments_, {}))
    dropped.done(base::fail("the stub domain is to be removed, with all its disks"));
}

void Stubdom::finish_restore(xen::DomId stub, uint32_t memory, Done done) {
  run({"finish-restore", base::format("{}", stub), std::to_string(memory)}, detach_timeout,
      std::move(done));
}

void Stubdom::keep_spares(Done begun) { run({"spares-later"}, rename_timeout, std::move(begun)); }

void Stubdom::rename(xen::DomId stub, const std::string &name, Done done) {
  run({"rename", base::format("{}", stub), name}, rename_timeout, std::move(done));
}

void Stubdom::settle(xen::DomId stub, const plan::Description &description, Done done) {
  run({"settle", base::format("{}", stub)}, removal_timeout, std::move(done),
      plan::encode(description));
}

void Stubdom::run(std::vector<std::string> arguments, Milliseconds timeout, Done done,
                  std::string input) {
  arguments.insert(arguments.begin(), program_);
  run({.argv = std::move(arguments), .input = std::move(input), .keep = -1}, timeout,
      [done = std::move(done)](const Result<std::string> &output) {
        done(output.transform([](const std::string &) {}));
      });
}

void Stubdom::run(Helper::Job job, Milliseconds timeout, Helper::Done done) {
  const uint64_t id = ++last_task_;
  Task &task = tasks_[id];
  task.done = std::move(done);
  auto helper =
      Helper::start(loop_, std::move(job), base::Deadline::after(timeout),
                    [this, id](Result<std::string> output) { end(id, std::move(output)); });
  if (helper)
    task.helper = std::move(*helper);
  else
    task.failure = loop_.soon(
        [this, id, error = std::move(helper).error()] { end(id, std::unexpected(error)); });
}

// What has called this is part of the task, and so is kept until the end.
void Stubdom::end(uint64_t id, Result<std::string> output) {
  auto task = tasks_.extract(id);
  task.mapped().done(std::move(output));
}

} // namespace linstub::broker
