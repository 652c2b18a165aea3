// SPDX-License-Identifier: MIT
#include "broker/upgrades.hpp"

#include "base/log.hpp"
#include "broker/guest_backends.hpp"
#include "disk/copied_file.hpp"

#include <utility>

namespace linstub::broker {

using base::Result;

Result<std::unique_ptr<Upgrades>> Upgrades::open(base::EventLoop &loop, const plan::Plan &plan,
                                                 xen::Control &control, manifest::Image image,
                                                 Owner owner) {
  std::unique_ptr<Upgrades> upgrades(
      new Upgrades(plan, control, std::move(image), std::move(owner)));
  upgrades->requests_ = TRY(run::ControlSocket::open(
      loop, *plan.guest,
      [raw = upgrades.get()](const run::UpgradeRequest &request) { raw->ask(request); }));
  return upgrades;
}

void Upgrades::ask(const run::UpgradeRequest &request) {
  auto refuse = [this](std::string why, bool migrate = false) {
    requests_->say(
        {.kind = run::ControlReply::Kind::error, .text = std::move(why), .migrate = migrate});
  };
  if (request.kind == run::UpgradeRequest::Kind::reset) {
    if (!owner_.can_be_reset())
      return refuse("there is no guest that could be reset");
    resetting_ = true;
    return owner_.reset();
  }
  if (under_way_ || resetting_) // and who asked has hung up
    return refuse("the device model is busy (upgrading): try again");
  if (auto ready = prepare(request); !ready) {
    next_.reset();
    return refuse(ready.error().message(), ready.error().code() == frontend_connected);
  }
  under_way_ = true;
  owner_.upgrade();
}

// All that can be known to fail fails here, before the guest notices anything.
Result<> Upgrades::prepare(const run::UpgradeRequest &request) {
  TRY(owner_.can_be_replaced());
  std::string directory = request.image.empty() ? plan_.settings.image : request.image;
  std::string xen = TRY(control_.release());
  next_.emplace(TRY(manifest::check_image(directory, xen)));
  for (const plan::CopiedFile &file : plan_.files)
    TRY(disk::CopiedFile::prepare(file.disk.path, *plan_.guest, file.disk.vdev + "-check")
            .transform_error(base::doing("the guest boots directly, and its files are needed")));
  if (!TRY(control_.runs(*plan_.guest)))
    return base::fail("the guest does not run");
  return {};
}

void Upgrades::took_over() {
  if (next_)
    image_ = *std::exchange(next_, std::nullopt);
}

void Upgrades::say(const run::ControlReply &reply) {
  if (reply.kind != run::ControlReply::Kind::progress)
    forget();
  requests_->say(reply);
}

void Upgrades::served(xen::DomId stub) {
  auto held =
      std::chrono::duration_cast<base::Milliseconds>(base::Clock::now() - held_since_).count();
  outcome_ =
      base::format("guest {} is served by stub domain {} with image {} of Linstub {}; it was "
                   "held for {} ms",
                   plan_.name, stub, image_.directory, image_.identity.version, held);
  base::log_info("{}", outcome_);
  requests_->say(
      {.text = base::format("the guest runs again, after {} ms; removing the former stub "
                            "domain",
                            held)});
}

void Upgrades::settled(bool left) {
  if (outcome_.empty())
    return;
  std::string text = std::exchange(outcome_, {});
  if (left)
    text += "; the former stub domain is not gone yet, which is tried again";
  say({.kind = run::ControlReply::Kind::done, .text = std::move(text)});
}

void Upgrades::forget() {
  under_way_ = false;
  resetting_ = false;
  next_.reset();
  outcome_.clear();
}

} // namespace linstub::broker
