// SPDX-License-Identifier: MIT
// What the broker does to the guest itself: tells libxl that it is served, holds it, resets it. And
// what it tells people.
#include "base/log.hpp"
#include "broker/broker.hpp"
#include "broker/stub_watch.hpp"
#include "run/spares.hpp"
#include "xen/xenbus.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace linstub::broker {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

constexpr Milliseconds pause_timeout{2'000};
constexpr Milliseconds shutdown_timeout{2'000};
// A guest that waits for its device model is waited for in turns of the event loop, and in each of
// them no longer than this.
constexpr Milliseconds pause_try{30};
constexpr Milliseconds between_guest_looks{20};

} // namespace

void Broker::announce() {
  const bool first = !has_run_;
  if (auto told = announce_running(); !told)
    listener_.on_stub_failed(told.error().message());
  if (first)
    keep_spares();
}

// One may have been taken, or ended for want of memory.
void Broker::keep_spares() {
  if (context_.plan.settings.spares > 0 || !run::spares().empty())
    stubdom_.keep_spares([](const Result<> &begun) { base::log_failure(begun); });
}

Result<> Broker::announce_running() {
  if (!stub_)
    return base::fail("there is no stub domain");
  has_run_ = true;
  base::log_info("the guest is served by stub domain {}", *stub_);
  TRY(context_.xenstore.write(device_model_node(), std::to_string(::getpid())));
  if (context_.plan.start == plan::Start::paused)
    return {}; // libxl asks the monitor
  return context_.xenstore.write(base::format("/local/domain/0/device-model/{}/state", guest_),
                                 "running");
}

// hvmloader makes the guest's tables from the node (Xen's tools/firmware/hvmloader/util.c): where
// it finds nothing it looks for a TPM 1.2 itself. A QEMU whose TPM has not come with its state
// would wait for it for ever, once it is asked to save.
Result<> Broker::prepare_tpm() {
  if (!context_.plan.tpm)
    return {};
  if (!state_.next().empty() && !TRY(state_.mentions("tpm-emulator")))
    return base::fail("the guest was saved without a TPM, and cannot get one while it runs: take "
                      "tpm out of its configuration until it has shut down");
  return context_.xenstore.write(base::format("{}/platform/tpm_version", xen::domain_path(guest_)),
                                 "2");
}

void Broker::hold_guest(std::function<void(Result<uint32_t> pv_nics)> held) {
  if (held_ || look_)
    return held(base::fail("the guest is held already"));
  upgrades_->held();
  hold(Deadline::after(pause_timeout), [this, held = std::move(held)](const Result<> &paused) {
    held(paused.and_then([this] { return pv_nics(); }));
  });
}

void Broker::hold(Deadline deadline, const Done &held) {
  auto paused = context_.control.pause_between_requests(guest_, Deadline::after(pause_try));
  if (!paused && paused.error().code() == ETIMEDOUT && !deadline.passed()) {
    look_ = context_.loop.at(Deadline::after(between_guest_looks), [this, deadline, held] {
      look_.reset();
      hold(deadline, held);
    });
    return;
  }
  // A driver, or somebody else, may have been quicker than the upgrade.
  if (paused) {
    if (auto can = next_has_all(); !can) {
      base::log_failure(context_.xenstore.resumed(guest_));
      base::log_failure(context_.control.unpause(guest_));
      return held(can);
    }
  }
  held_ = paused.has_value();
  held(paused ? context_.xenstore.resumed(guest_) : paused);
}

// A driver that is connected has had the emulated NIC unplugged, or does not use it.
Result<uint32_t> Broker::pv_nics() {
  uint32_t nics = 0;
  for (const plan::Nic &nic : context_.plan.nics) {
    const auto state = TRY(xen::read_xenbus_state(
        context_.xenstore,
        base::format("{}/device/vif/{}/state", xen::domain_path(guest_), nic.index)));
    if (state == xen::XenbusState::connected)
      nics |= 1U << nic.index;
  }
  return nics;
}

// By a replacement. A disk on its way out the next stub domain would have again, and nobody would
// hold its image.
Result<> Broker::nothing_is_lost() {
  if (leaving_disks_ != 0)
    return base::fail("a disk that was detached is on its way out of the stub domain: try again");
  const auto damaged = stub_ ? TRY(damaged_disk(context_.xenstore, *stub_)) : std::nullopt;
  if (damaged)
    return base::fail("disk {} lacks something that the guest has written, which dom0 could not "
                      "write, and with another device model the guest would write on: shut it down",
                      *damaged);
  TRY(backends_.can_be_replaced());
  return pci_ ? pci_->can_be_replaced() : Result<>();
}

Result<> Broker::next_has_all() {
  TRY(nothing_is_lost());
  if (next_has_ != what_it_has())
    return base::fail("the guest's devices have changed while the next stub domain was made: try "
                      "again");
  return {};
}

void Broker::release_guest() {
  if (!std::exchange(held_, false))
    return;
  base::log_failure(context_.control.unpause(guest_));
  if (changed_.backends)
    looks_.ask();
}

void Broker::end_guest(GuestEnd how) {
  const bool reset = how == GuestEnd::reset;
  base::log_info("the guest {} itself while it was to be held", reset ? "resets" : "powers off");
  base::log_failure(reset ? context_.control.reboot(guest_) : context_.control.power_off(guest_));
  release_guest();
}

void Broker::reset_guest(std::function<void(Result<bool> crashed)> reset) {
  look_.reset(); // who waited for the guest to be held has given up
  if (auto begun = context_.control.reboot(guest_); !begun)
    return reset(std::unexpected(std::move(begun).error()));
  await_shutdown(Deadline::after(shutdown_timeout), reset);
}

// Nothing here depends on the stub domain: a QEMU that leaves a request of the guest's unanswered
// keeps it from shutting down, and so for two seconds at most.
void Broker::await_shutdown(Deadline deadline,
                            const std::function<void(Result<bool> crashed)> &reset) {
  const bool runs = context_.control.runs(guest_).value_or(false);
  if (runs && !deadline.passed()) {
    look_ = context_.loop.at(Deadline::after(between_guest_looks), [this, deadline, reset] {
      look_.reset();
      await_shutdown(deadline, reset);
    });
    return;
  }
  if (runs)
    base::log_failure(context_.control.crash(guest_));
  reset(runs);
}

bool Broker::guest_is_suspended() { return context_.control.is_suspended(guest_).value_or(false); }

void Broker::crash_guest() {
  const auto crashed = context_.control.crash(guest_);
  base::log_failure(crashed);
  if (crashed.value_or(false))
    base::log_error("the guest was crashed, since it has no device model any more");
}

// --- For people ----------------------------------------------------------------------------------

void Broker::tell_status(std::string_view phase, const std::string &error) {
  if (!std::ranges::contains(phases, phase))
    return base::log_error("the device model is in a phase that there is not");
  context_.status.phase = phase;
  context_.status.error = error;
  write_status();
}

void Broker::write_status() {
  base::log_failure(run::write_status(context_.status), base::LogLevel::warning);
}

// That of the broker's own loop counts too: nobody is served meanwhile by either.
void Broker::tell_turn(const base::EventLoop::Turn &turn) {
  const base::EventLoop::Turn &own = context_.loop.longest_turn();
  const base::EventLoop::Turn longest{.time = std::max(own.time, turn.time),
                                      .cpu = std::max(own.cpu, turn.cpu)};
  if (longest == context_.status.longest_turn)
    return;
  context_.status.longest_turn = longest;
  write_status();
}

void Broker::tell_upgrade(const run::ControlReply &reply) { upgrades_->say(reply); }

void Broker::upgrade_done() {
  if (stub_)
    upgrades_->served(*stub_);
}

void Broker::note_image() {
  const manifest::Image &image = upgrades_->image();
  context_.status.image = image.directory;
  context_.status.version = image.identity.version;
  context_.status.kernel = image.identity.kernel.sha256;
  context_.status.ramdisk = image.identity.ramdisk.sha256;
}

} // namespace linstub::broker
