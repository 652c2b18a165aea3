// Passed-through PCI devices: on the lab with an emulated IOMMU and spare devices (shape iommu).
//
// 0000:00:10.0 and 11.0 are Intel 82574L NICs (MSI-X, MSI or INTx; memory and port BARs), 12.0 is a
// Realtek 8139 (INTx), 13.0 an NVMe disk (MSI-X). The NICs share a network of their own. What dom0
// keeps of them is the other end of what a guest sends.
#include "lab/figures.hpp"
#include "scenario.hpp"

#include <cstdlib>
#include <sstream>
#include <thread>

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

constexpr const char *first_nic = "0000:00:10.0";
constexpr const char *second_nic = "0000:00:11.0";
constexpr const char *realtek = "0000:00:12.0";
constexpr const char *nvme = "0000:00:13.0";

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

  // The ranges of its memory (in pages) and ports, as Xen prints them, in no particular order.
  std::vector<std::string> ranges_of(const std::string &device) {
    std::string text = dom0(base::format(R"(python3 -c '
for line in open("/sys/bus/pci/devices/{}/resource").read().splitlines()[:6]:
    first, last, flags = (int(word, 16) for word in line.split())
    shift = 12 if flags & 0x200 else 0
    if flags:
        first, last = first >> shift, last >> shift
        print("%x-%x" % (first, last) if first != last else "%x" % first)
')",
                                         device));
    std::istringstream lines(text);
    std::vector<std::string> ranges;
    for (std::string line; std::getline(lines, line);)
      ranges.push_back(line);
    return ranges;
  }

  // Plugs the first NIC into a guest that runs, has it carry data, unplugs it.
  void plug_rounds(GuestRun &guest, int count) {
    for (int i = 0; i < count && !HasFailure(); i++) {
      SCOPED_TRACE("round " + std::to_string(i));
      dom0(base::format("xl pci-attach t-pci {}", first_nic));
      EXPECT_TRUE(comes(guest, "e1000e"));
      brings_up(guest, "e1000e");
      carries_data(guest, 1);
      dom0(base::format("xl pci-detach t-pci {}", first_nic));
      EXPECT_TRUE(holds_within(base::format("xl pci-assignable-list | grep -q {}", first_nic),
                               seconds(30)));
    }
  }

  // A driver of the guest gets a device.
  bool comes(GuestRun &guest, const std::string &driver) {
    for (int tries = 0; tries < 20; tries++) {
      auto count = guest.ask(
          base::format("sh n=$(ls -d /sys/bus/pci/drivers/{}/0* | wc -l); echo + found $n", driver),
          ask_limit);
      if (count && *count != "+ found 0")
        return true;
      std::this_thread::sleep_for(seconds(1));
    }
    return false;
  }

  // Nothing of the devices stays with the stub domain that had them.
  void expect_no_rights(const std::string &former_stub) { EXPECT_EQ(rights(former_stub), ""); }

  // A guest whose kernel's e1000e uses that kind of interrupt: 0 INTx, 1 MSI, 2 MSI-X.
  static GuestConfig forced(GuestConfig config, int kind) {
    config.extra.push_back(
        base::format("cmdline = \"console=ttyS0 quiet e1000e.IntMode={}\"", kind));
    return config;
  }
};

// --- Each kind of interrupt and of resource, under either device model ---------------------------

class PciUnder : public Pci, public ::testing::WithParamInterface<DeviceModel> {
protected:
  void TearDown() override {
    // docs/pci.md has its table from these lines.
    if (!row_.empty())
      std::printf("[ TABLE    ] %s | %s | %s\n", row_.c_str(), device_model_name(GetParam()),
                  HasFailure() ? "FAILED" : seen_.c_str());
    Pci::TearDown();
  }
  void row(std::string what, std::string seen) {
    row_ = std::move(what);
    seen_ = std::move(seen);
  }

private:
  std::string row_;
  std::string seen_;
};

TEST_P(PciUnder, NicByMsix) {
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(with({first_nic}, GetParam()));
  brings_up(guest, "e1000e");
  int before = interrupts(guest, "eth", "PCI-MSIX");
  carries_data(guest, 8);
  int after = interrupts(guest, "eth", "PCI-MSIX");
  EXPECT_GT(after, before + 100);
  // Device memory in the guest is the device's: its MAC address.
  auto low = guest.ask("bar e1000e 0 0x5400", ask_limit);
  EXPECT_THAT(low.value_or(why(low)), HasSubstr("0x6C005452"));
  row("82574L | MSI-X | at start",
      base::format("8 MB each way, hashes equal, {} interrupts", after - before));
}

TEST_P(PciUnder, NicByMsi) {
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(forced(with({first_nic}, GetParam()), 1));
  brings_up(guest, "e1000e");
  int before = interrupts(guest, "eth", "PCI-MSI-");
  carries_data(guest, 1);
  int after = interrupts(guest, "eth", "PCI-MSI-");
  EXPECT_GT(after, before + 20);
  row("82574L | MSI | at start",
      base::format("1 MB each way, hashes equal, {} interrupts", after - before));
}

TEST_P(PciUnder, NicByIntxAndItsPorts) {
  assignable({realtek});
  set_up_peer();
  GuestRun guest = start(with({realtek}, GetParam()));
  brings_up(guest, "8139cp");
  int before = interrupts(guest, "eth", "IO-APIC");
  carries_data(guest, 1);
  int after = interrupts(guest, "eth", "IO-APIC");
  EXPECT_GT(after, before + 20);
  auto address = guest.ask("port 8139cp 0 6", ask_limit);
  EXPECT_THAT(address.value_or(why(address)), HasSubstr("5254006c6203"));
  row("RTL8139 | INTx | at start",
      base::format("1 MB each way, hashes equal, {} interrupts; its MAC address read through its "
                   "I/O ports",
                   after - before));
}

TEST_P(PciUnder, DiskByMsix) {
  assignable({nvme});
  GuestRun guest = start(with({nvme}, GetParam()));
  int before = interrupts(guest, "nvme", "PCI-MSIX");
  auto raw = guest.ask("raw nvme0n1 32 linstub", transfer_limit);
  EXPECT_THAT(raw.value_or(why(raw)), HasSubstr("+ raw nvme0n1 sha256"));
  int after = interrupts(guest, "nvme", "PCI-MSIX");
  EXPECT_GT(after, before + 20);
  row("NVMe | MSI-X | at start",
      base::format("32 MB written and read back, hashes equal, {} interrupts", after - before));
}

TEST_P(PciUnder, PluggedIntoARunningGuest) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  set_up_peer();
  GuestRun guest = start(with({}, GetParam()));
  plug_rounds(guest, GetParam() == DeviceModel::linstub ? rounds(1, 10) : 1);
  row("82574L | MSI-X | plugged", "1 MB each way, hashes equal; unplugged again");
}

INSTANTIATE_TEST_SUITE_P(All, PciUnder, ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         [](const auto &test) {
                           return test.param == DeviceModel::linstub ? "Linstub" : "Dom0";
                         });

// --- What only Linstub has to show ---------------------------------------------------------------

TEST_F(Pci, AStubDomainHasTheRightsToItsDeviceAndToNoOther) {
  assignable({first_nic});
  EXPECT_THAT(dom0("linstub pci"), Not(HasSubstr(first_nic)));
  GuestRun guest = start(with({first_nic}, DeviceModel::linstub));
  brings_up(guest, "e1000e");
  EXPECT_THAT(dom0("linstub pci"),
              AllOf(HasSubstr(first_nic), HasSubstr("8086:10d3"), HasSubstr("t-pci"),
                    HasSubstr("MSI-X"), Not(HasSubstr("warning"))));
  EXPECT_THAT(dom0("linstub pci --json"), HasSubstr("\"" + std::string(first_nic) + "\""));
  std::string stub = dom0("xl domid t-pci-dm");
  std::string own = rights(stub);
  for (const std::string &range : ranges_of(first_nic))
    EXPECT_THAT(own, HasSubstr(range));
  for (const char *other : {second_nic, realtek, nvme}) {
    for (const std::string &range : ranges_of(other))
      EXPECT_THAT(own, Not(HasSubstr(range))) << other;
  }
  EXPECT_EQ(dom0("cat /sys/bus/pci/drivers/pciback/permissive"), "");
  dom0("xl destroy t-pci");
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  expect_no_rights(stub);
}

TEST_F(Pci, ManyDevicesAtOnceComeThroughReboots) {
  assignable({first_nic, second_nic, realtek, nvme});
  GuestRun guest = start(with({first_nic, second_nic, realtek, nvme}, DeviceModel::linstub));
  for (int i = 0; i <= rounds(1, 5) && !HasFailure(); i++) {
    SCOPED_TRACE("boot " + std::to_string(i));
    brings_up(guest, "8139cp");
    auto found = guest.ask("sh n=$(ls -d /sys/bus/pci/drivers/e1000e/0* | wc -l); echo + found $n",
                           ask_limit);
    EXPECT_EQ(found.value_or(why(found)), "+ found 2");
    auto raw = guest.ask("raw nvme0n1 2 again", transfer_limit);
    EXPECT_THAT(raw.value_or(why(raw)), HasSubstr("+ raw nvme0n1 sha256"));
    if (i == rounds(1, 5))
      break;
    std::string domid = dom0("xl domid t-pci");
    ASSERT_TRUE(guest.tell("reboot"));
    ASSERT_TRUE(holds_within(
        base::format("d=$(xl domid t-pci 2>/dev/null) && [ -n \"$d\" ] && [ $d != {} ] && "
                     "xenstore-exists /local/domain/$d/serial/0/tty",
                     domid),
        seconds(120)));
    auto followed = guest.follow();
    ASSERT_TRUE(followed) << why(followed);
    auto ready = guest.wait_for("+ ready", seconds(240));
    ASSERT_TRUE(ready) << why(ready);
  }
}

TEST_F(Pci, CreatingAndDestroyingLeavesTheDeviceWhole) {
  ONLY_WHEN_THOROUGH();
  assignable({first_nic});
  set_up_peer();
  for (int i = 0; i < rounds(2, 10) && !HasFailure(); i++) {
    SCOPED_TRACE("round " + std::to_string(i));
    GuestRun guest = start(with({first_nic}, DeviceModel::linstub));
    brings_up(guest, "e1000e");
    carries_data(guest, 1);
    std::string stub = dom0("xl domid t-pci-dm");
    dom0("xl destroy t-pci");
    EXPECT_THAT(left_within(seconds(60)), IsEmpty());
    expect_no_rights(stub);
    // Enable bits of MSI-X would still be set, had nobody cleared them.
    EXPECT_EQ(dom0(base::format("cat /sys/bus/pci/devices/{}/allow_interrupt_control", first_nic)),
              "0");
  }
}

// --- What cannot be
// --------------------------------------------------------------------------------

TEST_F(Pci, SaysEarlyWhatCannotBe) {
  struct Case {
    const char *device;
    const char *says;
  };
  // The second is dom0's own disk: nobody has made it assignable.
  for (const auto &[device, says] :
       {Case{"0000:00:1e.0", "not assignable"}, Case{"0000:00:1f.0", "not assignable"}}) {
    auto failed = GuestRun::create(host(), with({device}, DeviceModel::linstub), seconds(60));
    ASSERT_FALSE(failed);
    EXPECT_THAT(why(failed), HasSubstr(says));
    EXPECT_THAT(left_within(seconds(30)), IsEmpty());
  }
  assignable({first_nic});
  GuestRun guest = start(with({first_nic}, DeviceModel::linstub));
  GuestConfig other = with({first_nic}, DeviceModel::linstub);
  other.name = "t-other";
  auto failed = GuestRun::create(host(), other, seconds(90));
  ASSERT_FALSE(failed);
  EXPECT_THAT(why(failed), HasSubstr("already"));
  brings_up(guest, "e1000e");
}

} // namespace
} // namespace linstub::lab
