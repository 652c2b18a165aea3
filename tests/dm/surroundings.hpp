// SPDX-License-Identifier: MIT
// What linstub-dm's parts have around them, for tests of one or several: an event loop, a stub
// domain at the other end of a channel, and, for those that need more, fakes of Xen and of
// linstub-stubdom.
#pragma once

#include "base/event_loop.hpp"
#include "broker/broker.hpp"
#include "disk/saved_state.hpp"
#include "disk/state_file.hpp"
#include "dm/fake_stub.hpp"
#include "dm/life.hpp"
#include "dm/media.hpp"
#include "dm/monitor.hpp"
#include "dm/saver.hpp"
#include "dm/stub_link.hpp"
#include "dm/upgrade.hpp"
#include "fake/loop_device.hpp"
#include "fake/memory_file.hpp"
#include "fake/program.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "plan/arguments.hpp"
#include "wire/paths.hpp"
#include "xen/shared_vchan.hpp"
#include "xen/vbd.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace linstub::dm {

// The event loop and the stub domain take turns.
class Turns : public testing::Test {
protected:
  Turns() { ::signal(SIGPIPE, SIG_IGN); } // as linstub-dm does

  void turn() {
    EXPECT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(1))));
    if (wire.state == xen::Vchan::State::open)
      stub.exchange();
    if (next_wire.state == xen::Vchan::State::open)
      next_stub->exchange();
  }
  // For what must not happen: as many turns as anything that does happen needs.
  void settle() {
    for (int i = 0; i < 20; i++)
      turn();
  }
  void until(const std::function<bool()> &done) {
    auto deadline = base::Deadline::after(base::Milliseconds(20'000));
    while (!done()) {
      ASSERT_FALSE(deadline.passed()) << "what is waited for does not happen";
      turn();
    }
  }

  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  fake::Wire wire;
  fake::Stub stub{wire};
  fake::Wire next_wire; // to the next stub domain, in an upgrade
  std::unique_ptr<fake::Stub> next_stub = std::make_unique<fake::Stub>(next_wire);
};

// What commands were answered: a result as it is, an error as "error: " and its text.
class Answers {
public:
  Monitor::Answer taker() {
    return [this](const base::Result<std::string> &result) {
      texts.push_back(result ? *result : "error: " + result.error().message());
    };
  }
  std::vector<std::string> texts;
};

using fake::content_of;
using fake::memory;

// What a toolstack is given for a state of QEMU's.
inline std::string marked(std::string_view state) {
  const auto header = disk::saved_state_header();
  return std::string(reinterpret_cast<const char *>(header.data()), header.size()).append(state);
}

// A guest that runs and its stub domain, a broker, and the device model up to StubLink and Monitor;
// it serves.
class Surroundings : public Turns, protected broker::Listener {
protected:
  Surroundings() {
    fake::loops().clear();
    xen.domains[xen::number(guest)] = {};
    xen.domains[xen::number(stub_domid)] = {};
    store.write(home, "");
    life.phase = Phase::serving;
  }

  // There is a stub domain, and QEMU answers in it.
  void connect() {
    make_stub_domain();
    await_qemu();
    host->announce();
  }
  void make_stub_domain() {
    program.ends(0, "6\n");
    host->create(broker::Which::first, [this](const base::Result<xen::DomId> &made) {
      ASSERT_TRUE(made) << made.error().message();
      link.found(*made);
    });
    until([this] { return link.stub().has_value(); });
    program.ends(0);
    program.forget_calls();
  }
  void await_qemu() {
    serve_channel();
    until([this] { return qemu_answers; });
  }
  void serve_channel() {
    store.write(home + "/data/linstub/channel/ring-ref", "8");
    store.write(home + "/data/linstub/channel/event-channel", "9");
  }
  // As DeviceModel does when the stub domain goes.
  void leave() {
    monitors->disconnect();
    link.forget();
  }

  // The plan for such arguments of libxl's.
  [[nodiscard]] plan::Plan plan_of(const std::string &arguments) const {
    std::istringstream in(arguments);
    std::vector<std::string> words{"-xen-domid", base::format("{}", guest)};
    for (std::string word; in >> word;)
      words.push_back(word);
    return plan::translate(words, plan::Settings{}).value();
  }

  // Where dom0 keeps a disk of the stub domain in mind; what is in such a node.
  static std::string toolstack_node(const std::string &vdev) {
    return base::format("/libxl/{}/device/vbd/{}", stub_domid, xen::vbd_number(vdev).value());
  }
  bool is_plugged(const std::string &vdev) { return store.read(toolstack_node(vdev)).has_value(); }
  std::string file_behind(const std::string &vdev) {
    return store.read(toolstack_node(vdev) + "/params").value_or("");
  }
  // What libxl does when the disk goes.
  void unplug(const std::string &vdev) { store.remove(toolstack_node(vdev)); }

  // The state disk that is plugged; the first one if none is.
  std::string state_disk() {
    for (const char *name : wire::state_disks) {
      if (is_plugged(name))
        return name;
    }
    return wire::state_disk;
  }

  // linstub-init writes QEMU's state to the disk that is plugged.
  void write_state(std::string_view state) {
    auto disk = base::open_file(file_behind(state_disk()), O_RDWR);
    ASSERT_TRUE(disk) << disk.error().message();
    auto record = wire::encode(
        wire::StateRecord{.length = state.size(), .digest = base::Sha256().add(state).digest()});
    ASSERT_EQ(::pwrite(disk->get(), state.data(), state.size(), wire::state_offset),
              static_cast<ssize_t>(state.size()));
    ASSERT_EQ(::pwrite(disk->get(), record.data(), record.size(), 0),
              static_cast<ssize_t>(record.size()));
  }
  // linstub-init has QEMU's state on the disk; and the disk goes, as soon as it is told to.
  void save_in_stub_domain(std::string_view state) {
    write_state(state);
    unplug(state_disk());
    stub.commit();
  }
  void await_save_stream() {
    until([this] { return stub.has(wire::Service::save); });
  }
  // Tests run at the same time, and the files of a guest bear its number.
  const xen::DomId guest{static_cast<uint16_t>(10'000 + ::getpid() % 20'000)};
  static constexpr xen::DomId stub_domid{6};
  const std::string home = "/local/domain/6";

  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  fake::Serve serve{stub_domid, home + "/data/linstub/channel", wire};
  fake::Program program;
  plan::Plan plan{.guest = guest, .name = "sunny"};
  run::Status status{.guest = "sunny", .domid = guest};
  std::unique_ptr<broker::Broker> host =
      broker::Broker::open({.loop = *loop,
                            .control = control,
                            .xenstore = xenstore,
                            .plan = plan,
                            .status = status,
                            .stubdom_program = program.path(),
                            .keeper_pipe = [] { return -1; },
                            .connect = [this](broker::Which which, xen::DomId stub_domain,
                                              const std::string &path) -> base::Result<> {
                              xen::SharedVchan shared = TRY(xen::offer_vchan(stub_domain, path));
                              auto transport = TRY(xen::adopt_vchan(std::move(shared)));
                              which == broker::Which::next ? on_next_channel(std::move(transport))
                                                           : on_channel(std::move(transport));
                              return {};
                            }},
                           manifest::Image{.directory = "/first"}, *this)
          .value();

  Life life;
  std::vector<std::pair<Event, std::string>> events; // that StubLink has told
  std::function<void(Event, const std::string &)> also;
  Media *media_told = nullptr;     // what is told of media
  Upgrade *upgrade_told = nullptr; // and of upgrades
  bool qemu_answers = false;
  std::vector<std::string> before_qemu;
  std::vector<std::string> broken;
  StubLink link{
      *loop, *host,
      StubLink::Owner{.happened =
                          [this](Event event, const std::string &why) {
                            events.emplace_back(event, why);
                            if (also)
                              also(event, why);
                          },
                      .on_channel = [this](Channel &channel) { return monitors->connect(channel); },
                      .on_next_channel =
                          [this](Channel &channel) { return upgrade_told->meet_next(channel); }}};
  std::unique_ptr<Monitor> monitors = Monitor::open(*loop, {}, monitors_owner()).value();

  Saver::Context saver_context() {
    return {.loop = *loop, .host = *host, .life = life, .link = link, .monitors = *monitors};
  }

  void on_word(broker::StubWord word) override { link.heard(word); }
  void on_stub_failed(const std::string &why) override {
    events.emplace_back(Event::stub_failed, why);
  }
  void on_qemu_runs() override { events.emplace_back(Event::qemu_runs, ""); }
  void on_stub_gone(const std::string &why) override { events.emplace_back(Event::stub_gone, why); }
  void on_channel(std::unique_ptr<xen::Transport> transport) override {
    EXPECT_TRUE(link.connect(std::move(transport)));
  }
  void on_next_word(broker::StubWord word) override { link.next_heard(word); }
  void on_next_failed(const std::string &why) override { also(Event::next_failed, why); }
  void on_next_channel(std::unique_ptr<xen::Transport> transport) override {
    EXPECT_TRUE(link.connect_next(std::move(transport)));
  }
  void on_medium(const base::Result<> &there) override {
    if (media_told != nullptr)
      media_told->there(there);
  }
  void on_guest_gone() override { events.emplace_back(Event::guest_gone, ""); }
  void on_renamed(const std::string &) override {}
  void on_end_asked(broker::End) override {}
  void on_upgrade_asked() override {
    if (upgrade_told != nullptr)
      upgrade_told->asked();
  }
  void on_reset_asked() override {
    if (upgrade_told != nullptr)
      upgrade_told->reset_asked();
  }

  Monitor::Owner monitors_owner() {
    return {.execute = [](const qmp::Command &, base::Fd, const Monitor::Answer &) {},
            .before_qemu = [this](std::string_view command,
                                  std::string_view) { before_qemu.emplace_back(command); },
            .may_change = [](qmp::Leaves) { return base::Result<>(); },
            .changed = [](const qmp::Command &, qmp::Leaves) {},
            .deleted = [](const std::string &) {},
            .on_event =
                [this](const qmp::Event &event) {
                  if (upgrade_told != nullptr)
                    upgrade_told->qemu_says(event);
                },
            .on_ready = [this] { qemu_answers = true; },
            .on_broken = [this](const std::string &why) { broken.push_back(why); },
            .attach = [](const std::string &, const auto &done) { done({}); },
            .taken = [](const std::string &) {},
            .give_back = [](const std::string &) {},
            .settle = [](const std::string &, const auto &then) { then({}); }};
  }
};

} // namespace linstub::dm
