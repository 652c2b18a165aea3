// SPDX-License-Identifier: MIT
// A Server with what it has around it, and the end of its socket where the device model process
// would be.
#pragma once

#include "base/format.hpp"
#include "broker/server.hpp"
#include "fake/loop_device.hpp"
#include "fake/pci_host.hpp"
#include "fake/program.hpp"
#include "fake/turns.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>

namespace linstub::broker {

class Surroundings : public testing::Test {
protected:
  static constexpr base::Milliseconds plenty{60'000};

  Surroundings() {
    ::signal(SIGPIPE, SIG_IGN);
    fake::loops().clear();
    xen.domains[xen::number(guest)] = {};
    xen.domains[6] = {};
    store.write("/local/domain/6", "");
    program.ends(0, "6\n");
  }
  base::Result<std::unique_ptr<Server>> try_open(base::Milliseconds patience) {
    return Server::open({.loop = *loop,
                         .control = control,
                         .xenstore = xenstore,
                         .plan = plan,
                         .status = status,
                         .stubdom_program = program.path(),
                         .keeper_pipe = [] { return -1; },
                         .beat_interval = patience,
                         .end_timeout = patience,
                         .guest_look = base::Milliseconds(10),
                         .pci_bus = pci_host.bus()},
                        manifest::Image{.directory = "/first"}, std::move(ends.first));
  }
  void open(base::Milliseconds patience = plenty) { server = try_open(patience).value(); }
  void until(const std::function<bool()> &done) { fake::serve_until(*loop, done); }
  [[nodiscard]] bool called(std::string_view call) const {
    return std::ranges::contains(program.calls(), call);
  }
  [[nodiscard]] std::string guest_text() const { return base::format("{}", guest); }

  const xen::DomId guest{static_cast<uint16_t>(10'000 + ::getpid() % 20'000)};
  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  fake::Xenstore store;
  fake::Xen xen;
  fake::PciHost pci_host;
  fake::Program program;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  plan::Plan plan{.guest = guest, .name = "sunny"};
  run::Status status{.guest = "sunny", .domid = guest};
  std::pair<MessageSocket, MessageSocket> ends = MessageSocket::make_pair().value();
  std::unique_ptr<Server> server;
};

} // namespace linstub::broker
