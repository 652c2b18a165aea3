// SPDX-License-Identifier: MIT
// Upgrades: where `linstub upgrade` asks for one (run/control_socket.hpp), and which image the next
// stub domain is of.
#pragma once

#include "base/deadline.hpp"
#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "manifest/stub_image.hpp"
#include "plan/plan.hpp"
#include "run/control_socket.hpp"
#include "xen/control.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace linstub::broker {

class Upgrades {
public:
  struct Owner {
    std::function<void()> upgrade; // somebody asks for one
    std::function<void()> reset;   // or for that
    // Fails if the guest has something that the next stub domain would not have.
    std::function<base::Result<>()> can_be_replaced;
    std::function<bool()> can_be_reset;
  };

  // Calls `upgrade` when somebody asks for that and all that can be known to fail before the guest
  // notices has been tried. All must outlive it.
  static base::Result<std::unique_ptr<Upgrades>> open(base::EventLoop &loop, const plan::Plan &plan,
                                                      xen::Control &control, manifest::Image image,
                                                      Owner owner);

  // The image of the stub domain that there is, or is being made.
  [[nodiscard]] const manifest::Image &image() const { return image_; }

  // That of the next one, while an upgrade is under way.
  [[nodiscard]] const std::optional<manifest::Image> &next() const { return next_; }

  // The next one is the one that there is.
  void took_over();

  // Somebody has asked for an upgrade and was not told the end.
  [[nodiscard]] bool under_way() const { return under_way_; }
  [[nodiscard]] bool resetting() const { return resetting_; }

  // The guest is held, from now on.
  void held() { held_since_ = base::Clock::now(); }

  // To whoever asked. An error ends the upgrade.
  void say(const run::ControlReply &reply);

  // The guest runs again, served by the next one; and whoever asked is told so when the one before
  // is gone, which ends the upgrade. `left`: it is not, and that is tried again.
  void served(xen::DomId stub);
  void settled(bool left);

private:
  Upgrades(const plan::Plan &plan, xen::Control &control, manifest::Image image, Owner owner)
      : plan_(plan), control_(control), image_(std::move(image)), owner_(std::move(owner)) {}
  void ask(const run::UpgradeRequest &request);
  base::Result<> prepare(const run::UpgradeRequest &request);
  void forget();

  const plan::Plan &plan_;
  xen::Control &control_;
  manifest::Image image_;
  Owner owner_;
  std::unique_ptr<run::ControlSocket> requests_;
  bool under_way_ = false;
  bool resetting_ = false; // the same, for a reset
  std::optional<manifest::Image> next_;
  base::Clock::time_point held_since_;
  std::string outcome_; // what who asked is told at the end
};

} // namespace linstub::broker
