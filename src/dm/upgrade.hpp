// SPDX-License-Identifier: MIT
// Upgrade: replaces the stub domain under a running guest (`linstub upgrade`). What follows what is
// decided in life.cpp; the methods below stand in the order in which they are called:
//
//     asked ─► save_state ─► retire_qemu ─► tell_fallback, maybe ─► resume_guest ─►
//     tell_done or tell_failed
//     reset_asked ─► reset_guest ─► tell_reset
#pragma once

#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "dm/life.hpp"
#include "dm/monitor.hpp"
#include "dm/saver.hpp"
#include "dm/stub_link.hpp"

#include <functional>
#include <string>
#include <vector>

namespace linstub::dm {

class Upgrade {
public:
  struct Context {
    base::EventLoop &loop;
    const std::string &name; // the guest's
    const Life &life;
    broker::Host &host;
    StubLink &link;
    Saver &saver;
    Monitor &monitors;
  };
  struct Owner {
    std::function<void(Event event, const std::string &why)> happened;
    std::function<bool()> busy; // with something that must not be cut short
    // Fails if QEMU has something that the next one would not have.
    std::function<base::Result<>()> can_be_replaced;
  };

  // All in the context must outlive it.
  Upgrade(Context context, Owner owner) : context_(context), owner_(std::move(owner)) {}

  // Somebody has asked for it: tells upgrade_asked, or refuses.
  void asked();

  void reset_asked();

  // Pauses the guest and saves QEMU's state: tells state_saved or save_failed.
  base::Result<> save_state();

  // Has linstub-init end QEMU and its domain: tells deadline if that takes too long. For an upgrade
  // and for a guest that is handed over.
  base::Result<> retire_qemu();

  // A stub domain of the old image follows, since the new one has failed, for the reason `why`.
  void tell_fallback(const std::string &why);

  // The guest runs again, if it was paused.
  void resume_guest() { context_.host.release_guest(); }

  // Has the guest shut down for a reboot; or, if that waits for its device model, crash. Then tells
  // guest_reset.
  void reset_guest();

  // To whoever asked.
  void tell_done() { context_.host.upgrade_done(); }
  void tell_failed(const std::string &why);
  void tell_reset();

  // The stub domain is going: no wait for it counts any more.
  void stop_waiting() { deadline_.reset(); }

private:
  void hold_and_save();
  void ask_in_turn(std::vector<std::string> commands, const std::function<void()> &then);
  void save();
  void saved(base::Result<uint64_t> length);
  void tell(std::string progress);
  void refuse(std::string why);

  Context context_;
  Owner owner_;
  base::EventLoop::Handle deadline_; // of QEMU's answer, or of its end
  bool crashed_ = false;             // the guest, since it could not shut down
};

} // namespace linstub::dm
