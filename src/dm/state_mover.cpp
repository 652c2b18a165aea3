#include "dm/state_mover.hpp"

#include "base/log.hpp"
#include "wire/state_record.hpp"

#include <utility>

namespace linstub::dm {
namespace {

constexpr base::Milliseconds longest_detach{40'000};
// Between the first sign of a save and the request.
constexpr base::Milliseconds longest_expectation{60'000};

} // namespace

base::Result<> StateMover::plug(const StateSave::Context &context) {
  auto done = [this, stub = context.stub](base::Result<disk::StateFile> state) {
    save_.reset();
    expectation_.reset();
    if (auto wanted = std::exchange(wanted_, {})) {
      wanted(std::move(state));
      return idle();
    }
    // It was only expected, and cannot be: a save that does come begins from the start.
    base::log_warning("prepare a save: {}", state ? "nobody has asked" : state.error().message());
    detach(stub, [this] { tell_ready(); });
  };
  save_ = TRY(StateSave::start(context, [this] { tell_ready(); }, std::move(done)));
  return {};
}

void StateMover::tell_ready() {
  if (auto ready = std::exchange(ready_, {}))
    ready();
}

void StateMover::expect(const StateSave::Context &context, std::function<void()> ready) {
  if (busy() || save_)
    return ready();
  if (auto plugged = plug(context); !plugged) {
    base::log_warning("prepare a save: {}", plugged.error().message());
    return ready();
  }
  ready_ = std::move(ready);
  expectation_ = loop_.at(base::Deadline::after(longest_expectation), [this, stub = context.stub] {
    save_.reset();
    detach(stub, [this] { tell_ready(); });
  });
}

base::Result<> StateMover::save(StateSave::Context context, SaveFor purpose,
                                base::Deadline deadline, StateSave::Done done) {
  if (busy())
    return base::fail("the state of the device model is being moved already");
  if (!save_)
    TRY(plug(context));
  expectation_.reset();
  wanted_ = std::move(done);
  save_->save(purpose, deadline);
  return {};
}

void StateMover::abandon() {
  expectation_.reset();
  ready_ = {};
  wanted_ = {};
  save_.reset();
}

void StateMover::detach(xen::DomId stub, const std::function<void()> &done) {
  run({helper_program, "detach", base::format("{}", stub), wire::state_disk}, done);
}

void StateMover::settle(xen::DomId stub, uint32_t memory) {
  run({helper_program, "settle", base::format("{}", stub), std::to_string(memory)}, [] {});
}

void StateMover::run(std::vector<std::string> command, const std::function<void()> &done) {
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
