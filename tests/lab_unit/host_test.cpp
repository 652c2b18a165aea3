// SPDX-License-Identifier: MIT
#include "lab/debian_tree.hpp"
#include "lab/guest_run.hpp"
#include "lab/host.hpp"
#include "lab/inventory.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace linstub::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(HostAddress, IsUserHostAndPort) {
  Address address = parse_address("admin@xen.example:2222").value();
  EXPECT_EQ(address.user, "admin");
  EXPECT_EQ(address.host, "xen.example");
  EXPECT_EQ(address.port, 2222);
  EXPECT_EQ(parse_address("xen").value().user, "root");
  EXPECT_FALSE(parse_address("xen:port"));
  EXPECT_FALSE(parse_address("@"));
}

TEST(HostQuote, KeepsAWordOneWord) { EXPECT_EQ(quote("it's; rm -rf /"), "'it'\\''s; rm -rf /'"); }

TEST(ListItems, LeaveCommentsOut) {
  EXPECT_THAT(list_items("# head\none\n\ntwo # why\n"), ElementsAre("one", "two"));
  EXPECT_THAT(list_items(""), IsEmpty());
}

TEST(Inventory, TellsWhatIsNew) {
  Inventory before = Inventory::parse("domain Domain-0\nloop /a\n");
  Inventory after = Inventory::parse("domain Domain-0\nloop /a\nloop /a\ninterface vif1.0\n");
  EXPECT_THAT(after.more_than(before), ElementsAre("interface vif1.0", "loop /a"));
  EXPECT_THAT(before.more_than(after), IsEmpty());
}

TEST(XlConfig, NamesTheDeviceModelOnlyWhereItIsOurs) {
  EXPECT_THAT(xl_config({.name = "t"}), HasSubstr("linstub-dm"));
  EXPECT_THAT(xl_config({.name = "t", .device_model = DeviceModel::dom0}),
              ::testing::Not(HasSubstr("linstub-dm")));
}

// The emulator is the only child of the process that watches its time.
TEST(Host, OfALabTellsItsEmulatorsCpuTime) {
  EXPECT_FALSE(Host(Address{.host = "xen"}).cpu_time());
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60); // whatever becomes of the test
    for (;;) {
    }
  }
  const Host host(Address{.host = "xen", .emulator = ::getpid()});
  const base::Deadline deadline = base::Deadline::after(std::chrono::seconds(30));
  while (host.cpu_time().value_or(0) < 0.05 && !deadline.passed())
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GE(host.cpu_time().value_or(0), 0.05);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

} // namespace
} // namespace linstub::lab
