// SPDX-License-Identifier: MIT
#include "dm/serve_guest.hpp"

#include "base/log.hpp"
#include "broker/keeper.hpp"
#include "broker/server.hpp"
#include "dm/model_process.hpp"

#include <signal.h>

namespace linstub::dm {
namespace {

using base::Result;
using broker::Keeper;

// The keeper, and its successor: one that is gone, whoever ended it, is replaced.
class Keepers {
public:
  Keepers(base::EventLoop &loop, xen::DomId guest, Keeper first)
      : loop_(loop), guest_(guest), keeper_(std::move(first)) {}

  Result<> watch() {
    watch_ = TRY(loop_.watch(keeper_.pidfd().get(), EPOLLIN, [this](uint32_t) {
      base::log_warning("the keeper has ended: starting another one");
      watch_.reset();
      auto next = Keeper::start(guest_, broker::stubdom_program);
      if (!next)
        return base::log_failure(next);
      keeper_ = std::move(*next);
      base::log_failure(watch());
    }));
    return {};
  }
  [[nodiscard]] int pipe() const { return keeper_.pipe(); }
  void dismiss() {
    watch_.reset();
    keeper_.dismiss();
  }

private:
  base::EventLoop &loop_;
  xen::DomId guest_;
  Keeper keeper_;
  base::EventLoop::Handle watch_;
};

Result<> serve(base::EventLoop &loop, Keepers &keepers, plan::Plan &plan, manifest::Image image,
               xen::Control &control, run::Status &status) {
  auto [ours, theirs] = TRY(broker::MessageSocket::make_pair());
  ModelProcess model = TRY(ModelProcess::start(plan, std::move(theirs)));
  status.model_pid = model.pid();
  xen::Xenstore xenstore = TRY(xen::Xenstore::connect());
  auto server = TRY(broker::Server::open({.loop = loop,
                                          .control = control,
                                          .xenstore = xenstore,
                                          .plan = plan,
                                          .status = status,
                                          .keeper_pipe = [&] { return keepers.pipe(); }},
                                         std::move(image), std::move(ours)));
  auto signals = TRY(loop.on_signals({SIGTERM, SIGHUP, SIGINT}, [&](int signal) {
    base::log_info("asked to end by signal {}", signal);
    server->end_asked();
  }));
  TRY(loop.run());
  return server->outcome();
}

} // namespace

Result<> serve_guest(plan::Plan plan, manifest::Image image, xen::Control &control,
                     run::Status &status) {
  ::signal(SIGPIPE, SIG_IGN);
  // A fork, as is the device model process: before there is much to inherit.
  Keeper keeper = TRY(Keeper::start(*plan.guest, broker::stubdom_program));
  auto loop = TRY(base::EventLoop::create());
  Keepers keepers(*loop, *plan.guest, std::move(keeper));
  TRY(keepers.watch());
  Result<> served = serve(*loop, keepers, plan, std::move(image), control, status);
  keepers.dismiss();
  remove_sockets(plan);
  return served;
}

} // namespace linstub::dm
