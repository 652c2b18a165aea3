// SPDX-License-Identifier: MIT
// `virsh migrate` between two hosts, each with a libvirtd that AppArmor confines.
#include "libvirt_scenario.hpp"
#include "second_host.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto ask_limit = seconds(180);

// Their libvirtds have to be told that they are two: they see the same emulated mainboard.
constexpr const char *be_another_host =
    "sed -i '/^host_uuid/d' /etc/libvirt/libvirtd.conf && echo 'host_uuid = "
    "\"7c4f2f0e-6d1b-4d0a-9b6e-6c6162000002\"' >>/etc/libvirt/libvirtd.conf && "
    "systemctl restart libvirtd";

class LibvirtBetweenHosts : public OnTwoHosts<LibvirtScenario> {
protected:
  void SetUp() override {
    OnTwoHosts::SetUp();
    if (thorough() && !HasFailure())
      there(be_another_host);
  }
  void TearDown() override {
    if (!IsSkipped())
      there("virsh -q -c xen:///system destroy t-virt; "
            "virsh -q -c xen:///system undefine t-virt; true");
    OnTwoHosts::TearDown();
  }

  static LibvirtGuest on_the_shared_disk() {
    return {.name = "t-virt",
            .options = without_nic,
            .devices = base::format("<disk type='block' device='disk'>"
                                    "<driver name='phy' type='raw'/><source dev='{}'/>"
                                    "<target dev='hda' bus='ide'/></disk>",
                                    SecondHost::disk)};
  }

  static std::string migrate_to(const char *address) {
    return base::format(
        "virsh -q -c xen:///system migrate --live --persistent --undefinesource t-virt "
        "'xen+ssh://root@{}/system?keyfile={}&no_verify=1' --migrateuri tcp://{}",
        address, SecondHost::key, address);
  }

  // It is at work there, with what it had in its memory and on its disk, and known to that libvirt.
  static GuestRun found_on(const Host &host, const std::string &hash) {
    auto guest = GuestRun::meet(host, "t-virt");
    if (!guest)
      throw std::runtime_error(guest.error().message());
    EXPECT_EQ(guest->ask("sh grep -q kept /tmp/kept", ask_limit).value_or(""), "+ sh 0");
    EXPECT_EQ(guest->ask("sum sda 2 8", ask_limit).value_or(""), hash);
    EXPECT_THAT(on(host, "virsh -q -c xen:///system domstate t-virt"), HasSubstr("running"));
    EXPECT_EQ(on(host, "ps -eo comm | grep -c qemu || true"), "0\n");
    return std::move(*guest);
  }
};

TEST_F(LibvirtBetweenHosts, AGuestGoesThereAndBack) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(start(on_the_shared_disk()));
  GuestRun guest = ready("t-virt");
  ASSERT_TRUE(guest.ask("sh echo kept >/tmp/kept", ask_limit));
  const std::string put = guest.ask("put sda 2 seed 8", ask_limit).value_or("");
  ASSERT_THAT(put, HasSubstr("+ put "));
  const std::string hash = "+ sum" + put.substr(put.rfind(' '));

  on(host(), migrate_to(SecondHost::second_address));
  found_on(other(), hash);
  EXPECT_THAT(virsh("list --all --name"), Not(HasSubstr("t-virt")));
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());

  on(other(), migrate_to(SecondHost::first_address));
  GuestRun back = found_on(host(), hash);
  EXPECT_THAT(left_there(), IsEmpty());
  ASSERT_TRUE(back.tell("poweroff"));
  EXPECT_TRUE(holds_within("! xl domid t-virt >/dev/null 2>&1", ask_limit));
  EXPECT_THAT(denied(), IsEmpty());
}

// A libvirt without Linstub under it: the guest stays where it is.
TEST_F(LibvirtBetweenHosts, AHostWithoutLinstubLeavesTheGuestWhereItIs) {
  ONLY_WHEN_THOROUGH();
  ASSERT_NO_FATAL_FAILURE(start(on_the_shared_disk()));
  GuestRun guest = ready("t-virt");
  ASSERT_TRUE(guest.ask("sh echo kept >/tmp/kept", ask_limit));
  there("mv /usr/libexec/linstub/linstub-dm /usr/libexec/linstub/linstub-dm.gone");
  on(host(), migrate_to(SecondHost::second_address), false);
  there("mv /usr/libexec/linstub/linstub-dm.gone /usr/libexec/linstub/linstub-dm");
  EXPECT_EQ(guest.ask("sh grep -q kept /tmp/kept", ask_limit).value_or(""), "+ sh 0");
  EXPECT_EQ(virsh("domstate t-virt"), "running");
  EXPECT_THAT(left_there(), IsEmpty());
}

} // namespace
} // namespace linstub::lab
