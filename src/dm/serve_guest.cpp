// SPDX-License-Identifier: MIT
#include "dm/serve_guest.hpp"

#include "base/log.hpp"
#include "broker/kept_keeper.hpp"
#include "broker/server.hpp"
#include "dm/bounded_log.hpp"
#include "dm/display_process.hpp"
#include "dm/model_process.hpp"
#include "dm/own_scope.hpp"

#include <fcntl.h>
#include <signal.h>

namespace linstub::dm {
namespace {

using base::Result;
using broker::Keeper;
using broker::KeptKeeper;

struct Left {
  bool stub_domain = false; // perhaps
  bool guest = false;       // in the hands of another linstub-dm
};

Result<> serve(base::EventLoop &loop, KeptKeeper &keeper, plan::Plan &plan, manifest::Image image,
               xen::Control &control, run::Status &status, Left &left) {
  auto [ours, theirs] = TRY(broker::MessageSocket::make_pair());
  auto display = TRY(DisplayProcess::start(loop, plan));
  base::Pipe log = TRY(base::make_pipe());
  auto model_log = TRY(ModelLog::open(loop, std::move(log.read)));
  ModelProcess model = TRY(ModelProcess::start(plan, std::move(theirs), std::move(log.write)));
  BoundedLog bounded;
  status.model_pid = model.pid();
  xen::Xenstore xenstore = TRY(xen::Xenstore::connect());
  // The one of this version: an upgrade of the package may put another one in its place.
  const base::Fd stubdom = TRY(base::open_file(broker::stubdom_program, O_PATH));
  auto server =
      TRY(broker::Server::open({.loop = loop,
                                .control = control,
                                .xenstore = xenstore,
                                .plan = plan,
                                .status = status,
                                .stubdom_program = base::format("/proc/self/fd/{}", stubdom.get()),
                                .keeper_pipe = [&] { return keeper.pipe(); }},
                               std::move(image), std::move(ours)));
  auto signals = TRY(loop.on_signals({SIGTERM, SIGHUP, SIGINT}, [&](int signal) {
    base::log_info("asked to end by signal {}", signal);
    server->end_asked();
  }));
  const auto leaving = leave_session(loop, *plan.guest);
  Result<> served = loop.run();
  left = {.stub_domain = !server->nothing_left(), .guest = server->handed_over()};
  return served ? server->outcome() : served;
}

} // namespace

Result<> serve_guest(plan::Plan plan, manifest::Image image, xen::Control &control,
                     run::Status &status) {
  ::signal(SIGPIPE, SIG_IGN);
  // A fork, as is the device model process: before there is much to inherit.
  Keeper keeper = TRY(Keeper::start(*plan.guest, broker::stubdom_program));
  auto loop = TRY(base::EventLoop::create());
  KeptKeeper kept(*loop, *plan.guest, std::move(keeper));
  TRY(kept.keep());
  Left left;
  Result<> served = serve(*loop, kept, plan, std::move(image), control, status, left);
  if (!left.stub_domain) // else the keeper looks as soon as this process has ended
    kept.dismiss();
  if (!left.guest)
    remove_sockets(plan);
  return served;
}

} // namespace linstub::dm
