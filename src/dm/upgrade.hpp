// SPDX-License-Identifier: MIT
// Upgrade: replaces the stub domain under a running guest (`linstub upgrade`). What follows what is
// decided in life.cpp; the methods below stand in the order in which they are called:
//
//     asked ─► save_state ─► retire_qemu ─► take_image ─► resume_guest ─► tell_done or tell_failed
//     asked ─► reset_guest ─► tell_reset
#pragma once

#include "base/event_loop.hpp"
#include "dm/life.hpp"
#include "dm/monitor.hpp"
#include "dm/saver.hpp"
#include "dm/stub_link.hpp"
#include "manifest/stub_image.hpp"
#include "plan/plan.hpp"
#include "run/control_socket.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace linstub::dm {

class Upgrade {
public:
  struct Context {
    base::EventLoop &loop;
    const plan::Plan &plan;
    const Life &life;
    xen::Control &control;
    xen::Xenstore &xenstore;
    StubLink &link;
    Saver &saver;
    Monitor &monitors;
  };
  struct Owner {
    std::function<void(Event event, const std::string &why)> happened;
    std::function<bool()> busy; // with something that must not be cut short
    // Fails if the guest has something that the next stub domain would not have.
    std::function<base::Result<>()> can_be_replaced;
  };

  // Listens for requests. All in the context must outlive it.
  static base::Result<std::unique_ptr<Upgrade>> open(Context context, Owner owner);

  // Pauses the guest and saves QEMU's state: tells state_saved or save_failed.
  base::Result<> save_state();

  // Has linstub-init end QEMU and its domain: tells deadline if that takes too long.
  base::Result<> retire_qemu();

  // Which image the next stub domain is to be of: the new one, or, after that has failed, for the
  // reason `why`, the one before. `former` is that of the last stub domain, to go back to.
  manifest::Image take_image(manifest::Image former, const std::string &why);

  // The guest runs again, if it was paused.
  void resume_guest();

  // Has the guest shut down for a reboot; or, if that waits for its device model, crashes it. Then
  // tells guest_reset.
  base::Result<> reset_guest();

  // To whoever asked.
  void tell_done(xen::DomId stub, const manifest::Image &image);
  void tell_failed(const std::string &why);
  void tell_reset();

  // The stub domain is going: no wait for it counts any more.
  void stop_waiting() { deadline_.reset(); }

private:
  Upgrade(Context context, Owner owner) : context_(context), owner_(std::move(owner)) {}

  void asked(const run::UpgradeRequest &request);
  void refuse(std::string why);
  base::Result<> prepare(const run::UpgradeRequest &request);
  void hold_and_save(base::Deadline deadline);
  base::Result<> ask_for_state();
  void await_shutdown(base::Deadline deadline);
  void ask_in_turn(std::vector<std::string> commands, const std::function<void()> &then);
  void save();
  void saved(base::Result<uint64_t> length);
  void tell(std::string progress);
  void forget_images();

  Context context_;
  Owner owner_;
  std::unique_ptr<run::ControlSocket> requests_;
  std::optional<manifest::Image> next_image_;
  std::optional<manifest::Image> previous_image_;
  bool held_ = false; // the guest is paused, by us
  base::Clock::time_point held_since_;
  base::EventLoop::Handle deadline_; // of QEMU's answer, or of its end
  base::EventLoop::Handle look_;     // the next one at the guest
  bool crashed_ = false;             // the guest, since it could not shut down
};

} // namespace linstub::dm
