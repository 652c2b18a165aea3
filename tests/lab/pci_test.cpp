// Passed-through PCI devices: on the lab with an emulated IOMMU and spare devices (shape iommu).
//
// 0000:00:10.0 and 11.0 are Intel 82574L NICs (MSI-X, MSI or INTx; memory and port BARs), 12.0 is a
// Realtek 8139 (INTx), 13.0 an NVMe disk (MSI-X). The NICs share a network of their own. What dom0
// keeps of them is the other end of what a guest sends.
#include "scenario.hpp"

#include <algorithm>
#include <cstdlib>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr auto ask_limit = seconds(120);
constexpr auto transfer_limit = seconds(240);

constexpr const char *peer_address = "10.99.0.1"; // dom0's, on 11.0
constexpr const char *guest_address = "10.99.0.2";

class Pci : public Scenario {
protected:
  void SetUp() override {
    dom0("modprobe xen-pciback");
    Scenario::SetUp();
  }

  // What a device needs to be given to a guest, and, afterwards, to be dom0's again.
  void assignable(const std::vector<std::string> &devices) {
    for (const std::string &device : devices)
      dom0(base::format("xl pci-assignable-list | grep -q {} || xl pci-assignable-add {}", device,
                        device));
  }

  static GuestConfig with(const std::vector<std::string> &devices, DeviceModel device_model) {
    GuestConfig config{.name = "t-pci", .device_model = device_model, .direct_boot = true};
    std::string list;
    for (const std::string &device : devices)
      list += base::format("{}\"{}\"", list.empty() ? "" : ", ", device);
    // Without a device the guest has to be told that one may come.
    config.extra.push_back(devices.empty() ? "passthrough = \"enabled\""
                                           : base::format("pci = [ {} ]", list));
    return config;
  }

  // dom0's end of the NICs' network: the 82574L that it keeps.
  void set_up_peer() {
    dom0(base::format("i=$(grep -l 52:54:00:6c:62:02 /sys/class/net/*/address | cut -d/ -f5) && "
                      "ip addr replace {}/24 dev $i && ip link set $i up",
                      peer_address));
  }

  static std::string pattern(int mebibytes, const std::string &seed) {
    return base::format("yes \"$(echo {} | sha256sum)\" | head -c {}", seed, mebibytes << 20);
  }

  // So much from the guest to dom0 and back, over the passed-through NIC, hashes equal.
  void carries_data(GuestRun &guest, int mebibytes) {
    std::string sum = dom0(pattern(mebibytes, "up") + " | sha256sum | cut -d' ' -f1");
    dom0("rm -f /run/lab-t-sum; (setsid sh -c 'timeout 300 socat -u TCP-LISTEN:7001,reuseaddr - | "
         "sha256sum > /run/lab-t-sum' >/dev/null 2>&1 &) ; sleep 1");
    auto sent =
        guest.ask(base::format("send {} 7001 {} up", peer_address, mebibytes), transfer_limit);
    ASSERT_TRUE(sent) << why(sent);
    EXPECT_THAT(*sent, HasSubstr(sum));
    EXPECT_TRUE(holds_within("[ -s /run/lab-t-sum ]", seconds(60)));
    EXPECT_THAT(dom0("cat /run/lab-t-sum"), HasSubstr(sum));

    std::string down = dom0(pattern(mebibytes, "down") + " | tee /run/lab-t-data | sha256sum | "
                                                         "cut -d' ' -f1");
    dom0("(setsid timeout 300 socat -u FILE:/run/lab-t-data TCP-LISTEN:7002,reuseaddr "
         ">/dev/null 2>&1 &) ; sleep 1");
    auto received = guest.ask(base::format("receive {} 7002", peer_address), transfer_limit);
    ASSERT_TRUE(received) << why(received);
    EXPECT_THAT(*received, HasSubstr(down));
  }

  // The guest's interrupts by that name: how many, and that they are of the kind.
  int interrupts(GuestRun &guest, const std::string &name, const std::string &kind) {
    auto answer = guest.ask("irqs " + name, ask_limit);
    EXPECT_TRUE(answer) << why(answer);
    EXPECT_THAT(answer.value_or(""), HasSubstr(kind));
    return std::atoi(answer.value_or("+ irqs 0").c_str() + std::string("+ irqs ").size());
  }

  void brings_up(GuestRun &guest, const std::string &driver) {
    auto up = guest.ask(base::format("nic {} {}", driver, guest_address), ask_limit);
    ASSERT_TRUE(up) << why(up);
  }

  // What Xen itself says a domain has a right to.
  std::string rights(const std::string &domid) {
    return dom0(
        base::format("xl debug-keys q; sleep 1; xl dmesg | awk '/Rangesets belonging to "
                     "domain {}:/ {{ text = \"\"; on = 1; next }} on && /{{/ {{ text = text "
                     "$0 \"; \"; next }} {{ on = 0 }} END {{ print text }}'",
                     domid));
  }

  static int rounds(int ordinary) {
    const char *text = std::getenv("LINSTUB_ROUNDS");
    return text != nullptr ? std::max(1, std::atoi(text)) : ordinary;
  }
};

TEST_F(Pci, NicByMsixCarriesDataBothWays) {
  assignable({"0000:00:10.0"});
  set_up_peer();
  GuestRun guest = start(with({"0000:00:10.0"}, DeviceModel::linstub));
  EXPECT_THAT(dom0("linstub pci"),
              AllOf(HasSubstr("0000:00:10.0"), HasSubstr("8086:10d3"), HasSubstr("t-pci")));
  brings_up(guest, "e1000e");
  int before = interrupts(guest, "eth", "MSI");
  carries_data(guest, 8);
  EXPECT_GT(interrupts(guest, "eth", "MSI"), before + 100);
  EXPECT_THAT(dom0("linstub pci"), AllOf(HasSubstr("MSI-X"), Not(HasSubstr("warning"))));

  // Device memory in the guest is the device's: its MAC address.
  auto low = guest.ask("bar e1000e 0 0x5400", ask_limit);
  EXPECT_THAT(low.value_or(why(low)), HasSubstr("0x6C005452"));
  // Its rights, and no others.
  std::string stub = rights(dom0("xl domid t-pci-dm"));
  EXPECT_THAT(stub, HasSubstr("febe0-febe3"));
  EXPECT_THAT(stub, Not(HasSubstr("febe4"))); // 11.0's
}

} // namespace
} // namespace linstub::lab
