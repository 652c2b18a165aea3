// SPDX-License-Identifier: MIT
#include "broker/surroundings.hpp"
#include "broker/upgrades.hpp"
#include "sys/unix_socket.hpp"

#include <array>

namespace linstub::broker {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr xen::PciAddress nic{.domain = 0, .bus = 0, .device = 0x10, .function = 0};

class UpgradesTest : public Surroundings {
protected:
  UpgradesTest() {
    pci_host.add(nic);
    store.write("/libxl/pci/0000-00-10-0/domid", guest_text());
    open();
    ask({.type = Type::create});
    store.write("/local/domain/6/data/linstub/pci", "");
    say({.type = Type::announce});
  }
  void say(const Message &message) { ASSERT_TRUE(ends.second.send(message)); }
  Message ask(Message request) {
    request.number = ++number_;
    say(request);
    return hear(Type::answer);
  }
  Message hear(Type type) {
    std::optional<Message> heard;
    until([&] {
      auto message = ends.second.receive();
      if (message && *message && (*message)->type == type)
        heard = std::move(**message);
      return heard.has_value();
    });
    return std::move(*heard);
  }
  // Until the device is the stub domain's, and QEMU has it.
  void attach() {
    const std::string backend = "/local/domain/0/backend/pci/6/0";
    say({.type = Type::attach_pci, .number = ++number_, .first = "nic", .second = "0000:00:10.0"});
    until([&] { return store.read(backend + "/num_devs") == "1"; });
    store.write(backend + "/state-0", "3");
    store.write(backend + "/state", "4");
    store.write("/local/domain/6/device/pci/0/state", "4");
    store.write("/local/domain/6/data/linstub/pci", "0000:00:10.0");
    EXPECT_EQ(hear(Type::answer).second, "");
    say({.type = Type::pci_taken, .first = "nic"});
  }
  // What `linstub upgrade` is told.
  std::string refusal() {
    base::Fd client = sys::connect_unix(run::control_path(guest)).value();
    EXPECT_TRUE(base::write_all(client, run::encode(run::UpgradeRequest{.image = "/no/image"})));
    std::string told;
    until([&] {
      std::array<char, 4096> buffer;
      const ssize_t got = ::read(client.get(), buffer.data(), buffer.size());
      told.append(buffer.data(), got > 0 ? static_cast<size_t>(got) : 0);
      return told.ends_with('\n');
    });
    told.pop_back();
    const auto reply = run::decode_reply(told).value_or(run::ControlReply{});
    EXPECT_EQ(reply.kind, run::ControlReply::Kind::error);
    return reply.text;
  }

private:
  uint32_t number_ = 0;
};

TEST_F(UpgradesTest, OfAGuestWithAPciDeviceAreRefusedBeforeItNoticesAnything) {
  attach();
  xen.calls.clear();
  EXPECT_THAT(refusal(), HasSubstr("xl pci-detach " + guest_text() + " 0000:00:10.0"));
  EXPECT_THAT(xen.calls, IsEmpty());
  // Nor is the device model told, and nothing is under way: the next one is refused in the same
  // way.
  EXPECT_THAT(refusal(), HasSubstr("xl pci-detach"));
  EXPECT_NE(ask({.type = Type::keep_state}).second, "");
  EXPECT_NE(ask({.type = Type::hold_guest}).second, "");
  EXPECT_TRUE(server->outcome());
}

TEST_F(UpgradesTest, OfAGuestWhosePciDeviceHasGoneAreRefusedForTheirImageOnly) {
  attach();
  say({.type = Type::give_back_pci, .first = "nic"});
  store.write("/local/domain/0/backend/pci/6/0/state", "4");
  until([&] { return !refusal().contains("xl pci-detach"); });
  EXPECT_THAT(refusal(), HasSubstr("/no/image"));
}

} // namespace
} // namespace linstub::broker
