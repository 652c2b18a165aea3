// SPDX-License-Identifier: MIT
// The whole of linstub-dm for one guest but its processes: a device model, a broker, and the socket
// between them.
#include "broker/remote_host.hpp"
#include "broker/server.hpp"
#include "dm/device_model.hpp"
#include "dm/fake_stub.hpp"
#include "fake/program.hpp"
#include "fake/turns.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "sys/unix_socket.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace linstub::dm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class DeviceModelTest : public testing::Test {
protected:
  DeviceModelTest() {
    ::signal(SIGPIPE, SIG_IGN);
    xen.domains[xen::number(guest)] = {};
    xen.domains[6] = {};
    store.write(home, "");
    program.ends(0, "6\n");
    server = broker::Server::open({.loop = *loop,
                                   .control = control,
                                   .xenstore = xenstore,
                                   .plan = plan,
                                   .status = status,
                                   .stubdom_program = program.path(),
                                   .keeper_pipe = [] { return -1; }},
                                  manifest::Image{.directory = "/first"}, std::move(ends.first))
                 .value();
    model = DeviceModel::open(*loop, plan, host).value();
    EXPECT_TRUE(host.listen(*model));
    model->start();
  }
  void until(const std::function<bool()> &done) {
    auto deadline = base::Deadline::after(base::Milliseconds(20'000));
    while (!done()) {
      ASSERT_FALSE(deadline.passed()) << "what is waited for does not happen";
      ASSERT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(2))));
      if (wire.state == xen::Vchan::State::open)
        stub.exchange();
    }
  }
  std::string announced() {
    return store.read("/local/domain/0/device-model/" + number + "/state").value_or("");
  }
  void boot() {
    until([this] { return !program.calls().empty() && status.stub_domain; });
    store.write(home + "/data/linstub/channel/ring-ref", "8");
    store.write(home + "/data/linstub/channel/event-channel", "9");
    store.write(home + "/device-model/" + number + "/state", "running");
  }
  void serve() {
    boot();
    until([this] { return announced() == "running" && status.phase == "serving"; });
  }
  // The process says what it has come to.
  base::Result<> end() {
    until([this] { return model->ended(); });
    host.finished(model->outcome());
    fake::serve_ready(*loop);
    return server->outcome();
  }

  const xen::DomId guest{static_cast<uint16_t>(10'000 + ::getpid() % 20'000)};
  const std::string number = base::format("{}", guest);
  const std::string home = "/local/domain/6";
  fake::Directory directory;
  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  fake::Wire wire;
  fake::Stub stub{wire};
  fake::Xenstore store;
  fake::Xen xen;
  fake::Serve served{xen::DomId{6}, home + "/data/linstub/channel", wire};
  fake::Program program;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  plan::Plan plan{
      .guest = guest, .name = "sunny", .monitors = {{.path = directory.path("qmp"), .fd = -1}}};
  run::Status status{.guest = "sunny", .domid = guest};
  std::pair<broker::MessageSocket, broker::MessageSocket> ends =
      broker::MessageSocket::make_pair().value();
  std::unique_ptr<broker::Server> server;
  bool lost = false;
  broker::RemoteHost host{*loop, std::move(ends.second), [this] { lost = true; }};
  std::unique_ptr<DeviceModel> model;
};

TEST_F(DeviceModelTest, ServesAGuestFromItsFirstStubDomainToItsEnd) {
  serve();
  EXPECT_EQ(status.stub_domain, xen::DomId{6});
  store.remove("/local/domain/0/device-model/" + number); // as libxl does, before its signal
  server->end_asked();
  EXPECT_TRUE(end());
  EXPECT_EQ(stub.asked, std::vector<std::string>{"stop {}"}) << "by which QEMU writes back";
  EXPECT_THAT(program.calls(), ElementsAre("create", "destroy " + number));
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(DeviceModelTest, AQemuThatDoesNotWriteBackHoldsUpTheEndForAMoment) {
  serve();
  stub.leave("stop");
  store.remove("/local/domain/0/device-model/" + number);
  server->end_asked();
  EXPECT_TRUE(end());
  EXPECT_THAT(program.calls(), ElementsAre("create", "destroy " + number));
}

TEST_F(DeviceModelTest, AKillCrashesTheGuest) {
  serve();
  server->end_asked();
  auto ended = end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message(), HasSubstr("killed by a signal"));
  EXPECT_THAT(xen.calls, Contains("shutdown " + number + " 3"));
  EXPECT_THAT(program.calls(), ElementsAre("create", "destroy " + number));
}

TEST_F(DeviceModelTest, ASoftResetHasXenForgetTheQemuAndLeavesTheGuestAlone) {
  serve();
  xen.domains[xen::number(guest)].shutdown = 5;
  store.remove("/local/domain/0/device-model/" + number);
  server->end_asked();
  until([this] { return stub.has(wire::Service::retire); });
  xen.domains[6].shutdown = 0;
  store.fire("@releaseDomain");
  EXPECT_TRUE(end());
  EXPECT_TRUE(server->handed_over());
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(DeviceModelTest, TheEndOfTheStubDomainCrashesTheGuest) {
  serve();
  xen.domains[6].shutdown = 0;
  store.fire("@releaseDomain");
  auto ended = end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message(), "the stub domain has ended (poweroff)");
  EXPECT_THAT(xen.calls, Contains("shutdown " + number + " 3"));
}

TEST_F(DeviceModelTest, AStubDomainThatFailsWhileItBootsIsRemovedAndItsReasonTold) {
  until([this] { return status.stub_domain.has_value(); });
  store.write(home + "/data/linstub/error", "no disk");
  store.write(home + "/data/linstub/state", "failed");
  auto ended = end();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().message(), "the stub domain has failed: no disk");
  EXPECT_THAT(program.calls(), Contains("destroy " + number));
  EXPECT_THAT(xen.calls, Not(Contains("shutdown " + number + " 3"))) << "that is libxl's";
}

// And what may be there of it is removed until it is gone.
TEST_F(DeviceModelTest, AStubDomainThatCannotBeMadeIsAFailure) {
  program.ends(1, "", "linstub-stubdom: error: no memory\n");
  until([this] { return std::ranges::contains(program.calls(), "destroy " + number); });
  EXPECT_EQ(status.phase, "ending");
  program.ends(0);
  auto ended = end();
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message(), HasSubstr("make the stub domain: no memory"));
}

TEST_F(DeviceModelTest, TheEndOfTheGuestIsAnOrderlyOne) {
  serve();
  xen.domains.erase(xen::number(guest));
  store.fire("@releaseDomain");
  EXPECT_TRUE(end());
}

TEST_F(DeviceModelTest, TheGuestsNewNameIsFollowed) {
  serve();
  store.write("/local/domain/" + number + "/name", "rainy");
  until([this] { return status.guest == "rainy"; });
  until([this] { return std::ranges::contains(program.calls(), "rename 6 rainy-dm"); });
}

TEST_F(DeviceModelTest, AnEndWhileTheStubDomainIsMadeWaitsForThat) {
  program.hold();
  until([this] { return std::ranges::contains(program.calls(), "create"); });
  server->end_asked();
  fake::serve_ready(*loop);
  EXPECT_THAT(program.calls(), ElementsAre("create"));
  program.let_go();
  EXPECT_TRUE(end());
  EXPECT_THAT(program.calls(), ElementsAre("create", "destroy " + number));
}

TEST_F(DeviceModelTest, TheEndOfTheBrokerIsNoticed) {
  serve();
  server.reset();
  until([this] { return lost; });
}

} // namespace
} // namespace linstub::dm
