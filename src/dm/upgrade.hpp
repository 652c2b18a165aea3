// SPDX-License-Identifier: MIT
// Upgrade: replaces the stub domain under a running guest (`linstub upgrade`). What follows what is
// decided in life.cpp; the methods below stand in the order in which they are called:
//
//     asked ─► create_next ─► save_state ─► feed_next ─► start_next ─► take_over, tell_done
//     at any time: drop_next, resume, tell_failed
//     reset_asked ─► reset_guest ─► tell_reset
#pragma once

#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "dm/life.hpp"
#include "dm/monitor.hpp"
#include "dm/saver.hpp"
#include "dm/stub_link.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace linstub::dm {

class Upgrade {
public:
  struct Context {
    base::EventLoop &loop;
    const std::string &name; // the guest's
    const std::vector<plan::Nic> &nics;
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
    // All that is served in dom0 is behind the next one's channel from now on.
    std::function<base::Result<>(Channel &next)> change_over;
  };

  // All in the context must outlive it.
  Upgrade(Context context, Owner owner) : context_(context), owner_(std::move(owner)) {}

  // Somebody has asked for it: tells upgrade_asked, or refuses.
  void asked();

  void reset_asked();

  // Has the next stub domain made: tells next_ready when its QEMU waits for a state.
  void create_next();

  // There is a channel to it.
  base::Result<> meet_next(Channel &channel);

  // An event of the QEMU that serves.
  void qemu_says(const qmp::Event &event);

  // Pauses the guest and saves QEMU's state: tells state_saved or save_failed.
  base::Result<> save_state();

  // The next QEMU gets the state: tells next_has_state when it has read it, or next_failed.
  void feed_next();

  // It is told to go on: tells next_runs, or next_stays if it says that it does not, or next_failed
  // if nobody knows.
  void start_next();

  // It serves the guest from now on, and the former one is told to end; or it does not.
  base::Result<> take_over();
  void drop_next();

  // QEMU, which was stopped, goes on, and then the guest.
  base::Result<> resume();

  // The guest runs again, if it was paused.
  void resume_guest() { context_.host.release_guest(); }

  // Has linstub-init end QEMU and its domain: tells deadline if that takes too long. For a guest
  // that is handed over.
  base::Result<> retire_qemu();

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
  void make_next();
  void hold_and_save();
  void stop_and_save();
  bool has_ended_itself();
  base::Result<> look_at_status(const qmp::Reply &reply);
  void next_deadline(base::Milliseconds time, std::string_view what);
  struct Question {
    std::string name;
    std::function<base::Result<>(const qmp::Reply &)> answered = [](const qmp::Reply &) {
      return base::Result<>();
    };
  };
  void ask_in_turn(std::vector<Question> questions, Event if_not,
                   const std::function<void()> &then);
  void save();
  void ask_next(const std::string &name, std::string_view arguments, Event if_refused,
                const std::function<void()> &then);
  void give_state();
  void next_says(const qmp::Event &event);
  void announce();
  void saved(base::Result<uint64_t> length);
  static base::Result<> tell_to_end(Channel *channel);
  void tell(std::string progress);
  void refuse(std::string why);

  Context context_;
  Owner owner_;
  base::EventLoop::Handle deadline_;    // of the next stub domain, QEMU's answer, or its end
  base::EventLoop::Handle resumption_;  // of QEMU's going on after an upgrade that failed
  uint32_t pv_nics_ = 0;                // as hold_guest() has told them
  bool stopped_ = false;                // QEMU has been told to stop
  std::optional<broker::GuestEnd> end_; // that the guest has asked QEMU for while it was to be held
  bool crashed_ = false;                // the guest, since it could not shut down
};

} // namespace linstub::dm
