#include "dm/state_mover.hpp"

#include "base/log.hpp"

namespace linstub::dm {
namespace {

constexpr base::Milliseconds longest_detach{40'000};

} // namespace

base::Result<> StateMover::save(StateSave::Context context, SaveFor purpose,
                                base::Deadline deadline, StateSave::Done done) {
  if (busy())
    return base::fail("the state of the device model is being moved already");
  save_ = TRY(StateSave::start(context, purpose, deadline,
                               [this, done = std::move(done)](base::Result<StateFile> state) {
                                 auto call = done;
                                 save_.reset();
                                 call(std::move(state));
                                 idle();
                               }));
  return {};
}

void StateMover::detach(xen::DomId stub, std::function<void()> done) {
  run(StateSave::detach_command(stub), std::move(done));
}

void StateMover::settle(xen::DomId stub, uint32_t memory) {
  run({helper_program, "settle", base::format("{}", stub), std::to_string(memory)}, [] {});
}

void StateMover::run(std::vector<std::string> command, std::function<void()> done) {
  auto ended = [this, done](const base::Result<std::string> &output) {
    auto call = done;
    detach_.reset();
    if (!output)
      base::log_error("detach the state disk: {}", output.error().message());
    call();
    idle();
  };
  auto helper = Helper::start(loop_, std::move(command), {}, -1,
                              base::Deadline::after(longest_detach), ended);
  if (helper) {
    detach_ = std::move(*helper);
    return;
  }
  base::log_error("detach the state disk: {}", helper.error().message());
  done();
}

void StateMover::when_idle(std::function<void()> then) {
  if (!busy())
    return then();
  when_idle_ = std::move(then);
}

void StateMover::idle() {
  if (!busy() && when_idle_)
    std::exchange(when_idle_, {})();
}

} // namespace linstub::dm
