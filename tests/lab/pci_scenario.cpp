// SPDX-License-Identifier: MIT
#include "pci_scenario.hpp"

#include <cstdlib>
#include <thread>

namespace linstub::lab {

using std::chrono::seconds;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

void PciScenario::SetUp() {
  // libxl makes the directory with the first device that it ever assigns, and leaves it there.
  dom0("modprobe xen-pciback; xenstore-exists /libxl/pci || xenstore-write /libxl/pci ''");
  Scenario::SetUp();
}

void PciScenario::assignable(const std::vector<std::string> &devices) {
  for (const std::string &device : devices)
    dom0(base::format("xl pci-assignable-list | grep -q {} || xl pci-assignable-add {}", device,
                      device));
}

void PciScenario::hide(const std::string &device) {
  dom0(base::format("d={}; ! xl pci-assignable-list | grep -q $d || xl pci-assignable-remove $d; "
                    "[ ! -e /sys/bus/pci/devices/$d/driver ] || "
                    "echo $d > /sys/bus/pci/devices/$d/driver/unbind; "
                    "cd /sys/bus/pci/drivers/pciback && echo $d > new_slot && echo $d > bind",
                    device));
}

std::string PciScenario::owner(const std::string &device) {
  return dom0(base::format("xl dmesg -c > /dev/null; xl debug-keys Q; sleep 1; "
                           "xl dmesg | sed -n 's/.*{} - \\([^ ]*\\) - node.*/\\1/p' | tail -n 1",
                           device));
}

GuestConfig PciScenario::with(const std::vector<std::string> &devices, DeviceModel device_model) {
  GuestConfig config{.name = "t-pci", .device_model = device_model, .direct_boot = true};
  config.extra.emplace_back("vif = [ ]"); // an emulated NIC takes Linux 12 s to find
  std::string list;
  for (const std::string &device : devices)
    list += base::format("{}\"{}\"", list.empty() ? "" : ", ", device);
  // Without a device the guest has to be told that one may come.
  config.extra.push_back(devices.empty() ? "passthrough = \"enabled\""
                                         : base::format("pci = [ {} ]", list));
  return config;
}

GuestConfig PciScenario::told(GuestConfig config, const std::string &options) {
  config.options = options;
  return config;
}

void PciScenario::set_up_peer() {
  dom0(base::format("! xl pci-assignable-list | grep -q {} || xl pci-assignable-remove -r {}; "
                    "i=$(grep -l 52:54:00:6c:62:02 /sys/class/net/*/address | cut -d/ -f5) && "
                    "ip addr replace {}/24 dev $i && ip link set $i up",
                    second_nic, second_nic, peer_address));
}

int PciScenario::interrupts(GuestRun &guest, const std::string &name, const std::string &kind) {
  auto answer = guest.ask("irqs " + name, ask_limit);
  EXPECT_TRUE(answer) << why(answer);
  EXPECT_THAT(answer.value_or(""), HasSubstr(kind));
  return std::atoi(answer.value_or("+ irqs 0").c_str() + std::string("+ irqs ").size());
}

void PciScenario::brings_up(GuestRun &guest, const std::string &driver) {
  auto up = guest.ask(base::format("nic {} {}", driver, guest_address), ask_limit);
  ASSERT_TRUE(up) << why(up);
}

int PciScenario::interrupts_while(GuestRun &guest, const std::string &name, const std::string &kind,
                                  int least, const std::function<void()> &work) {
  const int before = interrupts(guest, name, kind);
  work();
  const int more = interrupts(guest, name, kind) - before;
  EXPECT_GT(more, least) << "interrupts";
  return more;
}

void PciScenario::keeps_data(GuestRun &guest, const std::string &dev, int mebibytes) {
  auto raw = guest.ask(base::format("raw {} {} linstub", dev, mebibytes), transfer_limit);
  EXPECT_THAT(raw.value_or(why(raw)), HasSubstr(base::format("+ raw {} sha256", dev)));
}

base::Result<std::string> PciScenario::devices_of(GuestRun &guest, const std::string &driver) {
  return guest.ask(
      base::format("sh n=$(ls -d /sys/bus/pci/drivers/{}/0* | wc -l); echo + found $n", driver),
      ask_limit);
}

bool PciScenario::comes(GuestRun &guest, const std::string &driver) {
  for (int tries = 0; tries < 20; tries++) {
    auto count = devices_of(guest, driver);
    if (count && *count != "+ found 0")
      return true;
    std::this_thread::sleep_for(seconds(1));
  }
  return false;
}

std::string PciScenario::permissions(const std::string &domid) {
  return dom0(base::format(
      "xl dmesg -c > /dev/null; xl debug-keys q; sleep 1; xl dmesg | awk '/Rangesets belonging to "
      "domain {}:/ {{ text = \"\"; on = 1; next }} on && /{{/ {{ text = text "
      "$0 \"; \"; next }} {{ on = 0 }} END {{ print text }}'",
      domid));
}

std::string PciScenario::permissions_for(const std::string &device) {
  return dom0(base::format(R"(python3 -c '
sets = {{"I/O Memory": [], "I/O Ports ": []}}
for line in open("/sys/bus/pci/devices/{}/resource").read().splitlines()[:6]:
    first, last, flags = (int(word, 16) for word in line.split())
    kind, shift = ("I/O Memory", 12) if flags & 0x200 else ("I/O Ports ", 0)
    if flags:
        sets[kind].append([first >> shift, last >> shift])
words = []
for kind, ranges in sets.items():
    merged = []
    for first, last in sorted(ranges):
        if merged and merged[-1][1] + 1 == first: merged[-1][1] = last
        else: merged.append([first, last])
    text = ", ".join("%x-%x" % (a, b) if a != b else "%x" % a for a, b in merged)
    words.append("%s {{ %s }}" % (kind, text))
print("; (XEN)     ".join(words))
')",
                           device));
}

std::string PciScenario::config_word(const std::string &device, unsigned at) {
  return dom0(base::format("python3 -c 'print(\"0x%04x\" % int.from_bytes("
                           "open(\"/sys/bus/pci/devices/{}/config\", \"rb\").read()[{}:{}], "
                           "\"little\"))'",
                           device, at, at + 2));
}

void PciScenario::expect_whole(const std::string &device) {
  // It takes a moment to reset the device.
  EXPECT_TRUE(holds_within(
      base::format("! grep -q {} /sys/bus/pci/drivers/pciback/allow_interrupt_control", device),
      seconds(10)))
      << dom0("xenstore-ls /local/domain/0/backend/pci; dmesg | tail -n 20");
  EXPECT_EQ(dom0("cat /sys/bus/pci/drivers/pciback/permissive"), "");
  EXPECT_THAT(dom0("xl pci-assignable-list"), HasSubstr(device));
  // Message control of each capability: the enable bits.
  EXPECT_EQ(dom0(base::format(R"(python3 -c '
config = open("/sys/bus/pci/devices/{}/config", "rb").read()
at = config[0x34]
while at:
    control = config[at + 2] | config[at + 3] << 8
    if config[at] == 5 and control & 1: print("MSI is on")
    if config[at] == 0x11 and control & 0x8000: print("MSI-X is on")
    at = config[at + 1]
')",
                              device)),
            "");
}

void PciScenario::expect_no_permissions(const std::string &former_stub) {
  // Of a domain that lives, Xen prints the sets, which then are empty.
  EXPECT_THAT(permissions(former_stub), Not(ContainsRegex("\\{ [0-9a-f]")));
}

void PciScenario::plug_rounds(GuestRun &guest, int count) {
  for (int i = 0; i < count && !HasFailure(); i++) {
    SCOPED_TRACE("round " + std::to_string(i));
    dom0(base::format("xl pci-attach t-pci {}", first_nic));
    EXPECT_TRUE(comes(guest, "e1000e"));
    brings_up(guest, "e1000e");
    carries_data(guest, peer_address, 1);
    dom0(base::format("xl pci-detach t-pci {}", first_nic));
    expect_whole(first_nic);
  }
}

} // namespace linstub::lab
