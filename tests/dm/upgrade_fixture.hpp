// SPDX-License-Identifier: MIT
// A guest that is served, an Upgrade, and who asks for it at the control socket.
#pragma once

#include "dm/changes.hpp"
#include "dm/surroundings.hpp"
#include "dm/upgrade.hpp"
#include "fake/stub_image.hpp"
#include "sys/unix_socket.hpp"

#include <array>

namespace linstub::dm {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What `linstub upgrade` is at the other end of the control socket.
class Client {
public:
  explicit Client(xen::DomId guest, const run::UpgradeRequest &request)
      : fd_(sys::connect_unix(run::control_path(guest)).value()) {
    EXPECT_TRUE(base::write_all(fd_, run::encode(request)));
  }
  const std::string &heard() {
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while ((got = ::read(fd_.get(), buffer.data(), buffer.size())) > 0)
      heard_.append(buffer.data(), static_cast<size_t>(got));
    return heard_;
  }
  // The last of what it was told.
  run::ControlReply last() {
    std::string text = heard();
    if (text.ends_with('\n'))
      text.pop_back();
    return run::decode_reply(text.substr(text.rfind('\n') + 1)).value_or(run::ControlReply{});
  }

private:
  base::Fd fd_;
  std::string heard_;
};

class UpgradeTest : public Surroundings {
protected:
  void SetUp() override {
    fake::put_image(image.path());
    plan.settings.image = image.path();
    connect();
    xen.domains[8] = {};
    store.write(next_home, "");
    also = [this](Event event, const std::string &why) { happened(event, why); };
    upgrade = std::make_unique<Upgrade>(
        Upgrade::Context{.loop = *loop,
                         .name = plan.name,
                         .nics = plan.nics,
                         .life = life,
                         .host = *host,
                         .link = link,
                         .saver = saver,
                         .monitors = *monitors},
        Upgrade::Owner{
            .happened = [this](Event event, const std::string &why) { happened(event, why); },
            .busy = [this] { return busy; },
            .can_be_replaced = [this] { return changes.can_be_replaced(); },
            .change_over =
                [this](Channel &) {
                  monitors->change_over();
                  return base::Result<>();
                }});
    upgrade_told = upgrade.get();
  }

  // What DeviceModel does of this.
  void happened(Event event, const std::string &why) {
    upgrade_events.push_back(event);
    if (!why.empty())
      last_error = why;
    Step next = step(life, event);
    life = next.next;
    for (Action action : next.actions)
      perform(action);
  }
  void perform(Action action) {
    switch (action) {
    case Action::create_next:
      return upgrade->create_next();
    case Action::save_state:
      EXPECT_TRUE(upgrade->save_state());
      return;
    case Action::feed_next:
      return upgrade->feed_next();
    case Action::start_next:
      return upgrade->start_next();
    case Action::take_over:
      EXPECT_TRUE(upgrade->take_over());
      return;
    case Action::drop_next:
      return upgrade->drop_next();
    case Action::retire_qemu:
      EXPECT_TRUE(upgrade->retire_qemu());
      return;
    case Action::resume_qemu:
      EXPECT_TRUE(upgrade->resume());
      return;
    case Action::resume_guest:
      upgrade->resume_guest();
      return saver.arrived();
    case Action::tell_upgraded:
      return upgrade->tell_done();
    case Action::tell_not_upgraded:
      return upgrade->tell_failed(last_error);
    case Action::reset_guest:
      return upgrade->reset_guest();
    case Action::tell_reset:
      return upgrade->tell_reset();
    default:
      return;
    }
  }
  std::unique_ptr<Client> ask(const std::string &directory = {}) {
    return std::make_unique<Client>(guest, run::UpgradeRequest{.image = directory});
  }
  // An upgrade whose next stub domain has been made, and whose QEMU waits for the state.
  std::unique_ptr<Client> begin(const std::string &directory = {}) {
    make_next(directory);
    store.write(next_home + "/data/linstub/channel/ring-ref", "8");
    store.write(next_home + "/data/linstub/channel/event-channel", "9");
    return std::move(asked);
  }
  void make_next(const std::string &directory = {}) {
    until([this] { return !saver.busy(); });
    unplug(state_disk());
    stub.asked.clear();
    next_wire.state = xen::Vchan::State::waiting;
    next_wire.to_us.clear();
    next_wire.to_peer.clear();
    next_stub = std::make_unique<fake::Stub>(next_wire);
    store.remove(next_home);
    store.write(next_home, "");
    xen.domains[8] = {};
    program.ends(0, "8\n");
    do { // the one of an upgrade before may still be on its way out
      asked = ask(directory);
      until([this] { return host_has_next() || !asked->last().text.empty(); });
    } while (asked->last().text.contains("still being removed"));
    until([this] { return host_has_next(); });
    program.ends(0);
    program.forget_calls();
  }
  bool host_has_next() { return link.last_words_of_next("sunny").starts_with("it has said"); }
  void next_has_state() {
    until([this] { return next_stub->has(wire::Service::restore); });
    next_stub->qemu_says(
        R"({"event":"MIGRATION","data":{"status":"completed"},"timestamp":{"seconds":1}})");
  }
  // The next QEMU goes on with the state, the former one goes, and who asked is told.
  void hand_over(Client &client) {
    next_has_state();
    end_by_itself(stub, stub_domid);
    until([&] { return client.last().kind == run::ControlReply::Kind::done; });
  }
  std::unique_ptr<Client> ask_for_reset() {
    return std::make_unique<Client>(
        guest, run::UpgradeRequest{.kind = run::UpgradeRequest::Kind::reset, .image = {}});
  }
  std::string call_of(std::string_view name, std::string_view rest = {}) {
    return base::format("{} {}{}", name, guest, rest);
  }
  // Why an upgrade is refused at once.
  std::string refusal(const std::string &directory = {}) {
    auto client = ask(directory);
    until([&] { return client->heard().ends_with('\n'); });
    EXPECT_EQ(client->last().kind, run::ControlReply::Kind::error);
    EXPECT_THAT(upgrade_events, IsEmpty());
    EXPECT_THAT(xen.calls, IsEmpty()) << "the guest has not noticed anything";
    return client->last().text;
  }
  // The end of one that has begun and fails before the state is saved.
  std::string failure(Client &client) {
    until([&] { return client.last().kind != run::ControlReply::Kind::progress; });
    EXPECT_THAT(upgrade_events,
                ElementsAre(Event::upgrade_asked, Event::next_ready, Event::save_failed));
    EXPECT_EQ(life.phase, Phase::serving);
    until([this] { return xen.domains[xen::number(guest)].pauses == 0U; });
    end_by_itself(*next_stub, xen::DomId{8});
    until([this] { return std::ranges::contains(program.calls(), "settle 6"); });
    EXPECT_EQ(xen.domains[xen::number(guest)].pauses, 0U);
    return client.last().text;
  }
  // As linstub-init does, when it is told to.
  void end_by_itself(fake::Stub &one, xen::DomId domid) {
    until([&] { return one.has(wire::Service::retire); });
    xen.domains[xen::number(domid)].shutdown = 0;
    store.fire("@releaseDomain");
  }
  void await_phase(Phase phase) {
    until([&] { return life.phase == phase; });
  }
  void save() {
    until([this] { return stub.was_asked("xen-save-devices-state"); });
    save_in_stub_domain("state");
    await_phase(Phase::handing);
  }

  fake::Directory image;
  const std::string next_home = "/local/domain/8";
  fake::Serve next_serve{xen::DomId{8}, next_home + "/data/linstub/channel", next_wire};
  std::unique_ptr<Client> asked;
  bool busy = false;
  std::vector<Event> upgrade_events;
  std::string last_error;
  Saver saver{saver_context(), [](const std::string &) {}};
  Changes changes{*host};
  std::unique_ptr<Upgrade> upgrade;
};

} // namespace linstub::dm
