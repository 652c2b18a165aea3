// SPDX-License-Identifier: MIT
// What a stub domain can take of the host, as Xen's own tools tell it; and that it is removed,
// whatever has become of the nodes and processes that lead to it.
#include "scenario.hpp"

#include <cstdlib>
#include <cstring>
#include <sstream>
#include <thread>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto end_limit = seconds(120);
// keeper.hpp: 45 s of silence, and what the lab adds.
constexpr auto silence_limit = seconds(120);
constexpr auto memory_told = seconds(40); // a stub domain says every 30 what it has

class Limits : public Scenario {
protected:
  static GuestConfig quick(const std::string &options = {}) {
    GuestConfig config{.name = "t-limits", .direct_boot = true, .options = without_nic};
    if (!options.empty())
      config.extra = {base::format("device_model_args_hvm = [ \"-linstub\", \"{}\" ]", options)};
    return config;
  }
  std::string stub() { return dom0("xl domid t-limits-dm"); }
  std::string device_model() {
    return dom0("xenstore-read /local/domain/$(xl domid t-limits)/image/device-model-pid");
  }
  // "frames (24 max), 1 maptrack frames (8 max)", from the hypervisor's own table.
  std::string grant_table() {
    return dom0(base::format("xl debug-keys g; sleep 1; xl dmesg | "
                             "grep -A1 'grant-table for remote d{} ' | tail -n 1",
                             stub()));
  }
};

TEST_F(Limits, OfAStubDomainAreThoseThatWereSet) {
  GuestRun guest = start(quick("cpu-weight=128,cpu-cap=80,max-grant-frames=24,"
                               "max-maptrack-frames=8,max-event-channels=200"));
  EXPECT_EQ(dom0("xl sched-credit2 -d t-limits-dm | awk '$1 == \"t-limits-dm\" { print $3, $4 }'"),
            "128 80");
  const std::string config = stub_record("t-limits");
  for (const char *part : {"\"weight\":128", "\"cap\":80", "\"max_grant_frames\":24",
                           "\"max_maptrack_frames\":8", "\"event_channels\":200"})
    EXPECT_THAT(config, HasSubstr(part));
  const std::string table = grant_table();
  EXPECT_THAT(table, HasSubstr("frames (24 max)"));
  EXPECT_THAT(table, HasSubstr("maptrack frames (8 max)"));
}

TEST_F(Limits, OfAStubDomainAreThereWithoutASetting) {
  GuestRun guest = start(quick());
  EXPECT_EQ(dom0("xl sched-credit2 -d t-limits-dm | awk '$1 == \"t-limits-dm\" { print $3, $4 }'"),
            "256 0");
  const std::string table = grant_table();
  EXPECT_THAT(table, HasSubstr("frames (32 max)"));
  EXPECT_THAT(table, HasSubstr("maptrack frames (16 max)"));
  EXPECT_THAT(stub_record("t-limits"), HasSubstr("\"event_channels\":511"));
  // xenstored's are the same for every domain; what a stub domain has of them is far below. Of
  // oxenstored the first command tells, of xenstored the second.
  const std::string quota =
      dom0(base::format("PATH=$PATH:$(echo /usr/lib/xen-*/bin); "
                        "(xenstore-control quota {}; xenstore-control quota) 2>&1 || true",
                        stub()));
  EXPECT_THAT(quota, HasSubstr("1000"));
  const std::string used =
      dom0(base::format("xenstore-ls -fp / | grep -c '(n{}[,)]' || true", stub()));
  EXPECT_GT(std::atoi(used.c_str()), 0) << used;
  EXPECT_LT(std::atoi(used.c_str()), 250);
  std::printf("%s nodes are its own; %s\n", used.c_str(), table.c_str());
}

// What dom0 goes by when it looks for a stub domain, or removes what is one's, only dom0 can write.
TEST_F(Limits, AStubDomainCannotWriteWhatDom0GoesBy) {
  GuestRun guest = start(quick());
  const std::string id = stub();
  const std::string nodes =
      dom0(base::format("xenstore-ls -fp /local/domain | grep -E "
                        "'^/local/domain/{}(/(linstub[^ ]*|target|vm|name|device))? = '; "
                        "xenstore-ls -fp /local/domain/0/backend | grep '/{}[ /]'; "
                        "xenstore-ls -fp /libxl | grep '^/libxl/{}[ /]'",
                        id, id, id));
  EXPECT_THAT(nodes, HasSubstr("/linstub/guest = "));
  EXPECT_THAT(nodes, HasSubstr("/backend/vbd/"));
  EXPECT_THAT(nodes, HasSubstr("/libxl/" + id + "/device/vbd"));
  std::istringstream lines(nodes);
  for (std::string line; std::getline(lines, line);) {
    // "/path = "value"   (n0,r7)": the first is the owner, who may do all.
    EXPECT_THAT(line, HasSubstr("(n0")) << line;
    EXPECT_THAT(line, ::testing::Not(HasSubstr(",w"))) << line;
    EXPECT_THAT(line, ::testing::Not(HasSubstr(",b"))) << line;
  }
}

TEST_F(Limits, AStubDomainWithoutFrontendNodesIsRemoved) {
  GuestRun guest = start(quick());
  dom0(base::format("xenstore-rm /local/domain/{}/device/vbd", stub()));
  dom0("xl destroy t-limits");
  EXPECT_THAT(left_within(end_limit), IsEmpty());
}

// As when libxl has removed them and has come no further: nothing but its UUID leads to it.
TEST_F(Limits, AStubDomainWithoutAnyNodesIsRemoved) {
  GuestRun guest = start(quick());
  dom0(base::format("id={}; xl pause $id; xenstore-rm $(xenstore-read /local/domain/$id/vm); "
                    "xenstore-rm /libxl/$id; xenstore-rm /local/domain/$id",
                    stub()));
  dom0("xl destroy t-limits");
  EXPECT_THAT(left_within(end_limit), IsEmpty());
}

// QEMU maps what its devices reach, a MiB at a time, and each takes 2 KiB of page tables and more.
TEST_F(Limits, TheMapOfALargeGuestIsBounded) {
  ONLY_WHEN_THOROUGH();
  GuestConfig config = quick();
  config.memory = 2048;
  GuestRun guest = start(config);
  auto available = [&] {
    const std::string kib = dom0("linstub status --json | python3 -c 'import json, sys; "
                                 "print(json.load(sys.stdin)[0][\"memory-kib\"][\"available\"])'");
    return std::atol(kib.c_str());
  };
  auto time_of = [&](int mebibytes) {
    const auto said =
        guest.ask(base::format("measure spread {} /dev/sda 4096", mebibytes), seconds(300));
    EXPECT_THAT(said.value_or(""), StartsWith("+ measure ")) << why(said);
    return std::atof(said.value_or("").substr(std::strlen("+ measure ")).c_str()) / 1e6;
  };
  time_of(16); // QEMU has used what a disk needs
  std::this_thread::sleep_for(memory_told);
  const long before = available();
  const double fits = time_of(900);
  const double does_not = time_of(1700);
  std::this_thread::sleep_for(memory_told);
  const long after = available();
  std::printf("mapped: %ld KiB less available; a read to memory that is mapped %.2f ms, to memory "
              "that has to be mapped %.2f ms\n",
              before - after, fits, does_not);
  EXPECT_LT(before - after, 3400) << "1700 MiB would take 3400 KiB of page tables alone";
}

TEST_F(Limits, ALinstubDmThatHangsIsKilledAndItsGuestCrashes) {
  ONLY_WHEN_THOROUGH();
  GuestConfig config = quick();
  config.extra = {"on_crash = \"preserve\""};
  GuestRun guest = start(config);
  dom0("kill -STOP " + device_model());
  EXPECT_TRUE(
      holds_within("xl list t-limits | awk 'NR == 2 { print $5 }' | grep -q c", silence_limit));
  EXPECT_TRUE(holds_within("! xl domid t-limits-dm >/dev/null 2>&1", end_limit));
  dom0("xl destroy t-limits");
}

} // namespace
} // namespace linstub::lab
