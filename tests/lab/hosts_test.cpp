// SPDX-License-Identifier: MIT
// A guest at work between two hosts.
#include "busy_guest.hpp"
#include "second_host.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BetweenHosts : public OnTwoHosts<Scenario> {
protected:
  void TearDown() override {
    if (!IsSkipped())
      there("xl destroy t-state 2>/dev/null; rm -f /var/tmp/t.cfg /etc/linstub/t-*; true");
    OnTwoHosts::TearDown();
  }

  // A command that migrates the guest to another host.
  static std::string migrate_to(const Host &host, const std::string &options = "") {
    return base::format("xl migrate {} -s 'ssh -p {} {}' t-state {}", options,
                        std::to_string(host.address().port), SecondHost::ssh_options(),
                        SecondHost::outside);
  }

  void expect_here(BusyGuest &guest, const std::string &when) {
    guest.found_on(host());
    guest.expect_all_well(when);
  }
  void expect_there(BusyGuest &guest, const std::string &when) {
    guest.found_on(other());
    guest.expect_all_well(when);
  }

  static GuestConfig config() {
    return {.name = "t-state", .device_model = DeviceModel::linstub, .disk = SecondHost::disk};
  }
};

TEST_F(BetweenHosts, AGuestAtWorkGoesThereAndBack) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  on(host(), migrate_to(other()));
  expect_there(guest, "there");
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  EXPECT_EQ(on(other(), "ps -eo comm | grep -c qemu || true"), "0\n");
  EXPECT_THAT(on(other(), "linstub status"), HasSubstr("t-state"));
  on(other(), migrate_to(host()));
  expect_here(guest, "and back");
  EXPECT_THAT(left_there(), IsEmpty());
}

// Neither way needs a Linstub on the other side. What Linstub gives QEMU in dom0 takes only if the
// guest's settings say so.
TEST_F(BetweenHosts, AGuestGoesToQemuInDom0AndBack) {
  ONLY_WHEN_THOROUGH();
  GuestConfig portable = config();
  portable.extra = {"device_model_args_hvm = [ \"-linstub\", \"portable-state=yes\" ]"};
  BusyGuest guest(*this, portable);
  dom0(guest.config_of(DeviceModel::dom0, {"device_model_args_hvm = [ ]"}));
  on(host(), migrate_to(other(), "-C /var/tmp/t.cfg"));
  expect_there(guest, "with QEMU in dom0");
  EXPECT_EQ(on(other(), "ps -eo comm | grep -c '^qemu\\|^xen-qemu' || true"), "1\n");
  there(guest.config_of(DeviceModel::linstub));
  on(other(), migrate_to(host(), "-C /var/tmp/t.cfg"));
  expect_here(guest, "in a stub domain again");
  EXPECT_EQ(qemus(), "0");
  EXPECT_THAT(left_there(), IsEmpty());
}

TEST_F(BetweenHosts, AHostWithoutLinstubLeavesTheGuestWhereItIs) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  there("mv /usr/libexec/linstub/linstub-dm /usr/libexec/linstub/linstub-dm.gone");
  const std::string said = on(host(), migrate_to(other()), false);
  there("mv /usr/libexec/linstub/linstub-dm.gone /usr/libexec/linstub/linstub-dm");
  EXPECT_THAT(said, HasSubstr("/usr/libexec/linstub/linstub-dm"));
  expect_here(guest, "there is no Linstub there");
  EXPECT_THAT(left_there(), IsEmpty());
}

TEST_F(BetweenHosts, AnImageForAnotherXenLeavesTheGuestWhereItIs) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  constexpr const char *manifest = "/usr/lib/linstub/image/manifest.json";
  there(base::format("cp -a {} /run/t-manifest && sed -i 's/\"4\\.20\"/\"4.19\"/' {} && "
                     "! cmp -s {} /run/t-manifest",
                     manifest, manifest, manifest));
  on(host(), migrate_to(other()), false);
  EXPECT_THAT(on(other(), "cat /var/log/xen/qemu-dm-t-state*.log"), HasSubstr("4.19"));
  there(base::format("mv /run/t-manifest {}", manifest));
  expect_here(guest, "the image there is another Xen's");
  EXPECT_THAT(left_there(), IsEmpty());
}

TEST_F(BetweenHosts, AHostThatIsLostMidwayLeavesTheGuestWhereItIs) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  as_soon_as("pgrep -f '[x]l migrate-receive' >/dev/null",
             "sleep 4; pkill -9 -f '^ssh -p.*migrate'");
  on(host(), migrate_to(other()), false);
  expect_here(guest, "the connection was lost");
  EXPECT_THAT(left_there(), IsEmpty());
}

} // namespace
} // namespace linstub::lab
