// SPDX-License-Identifier: MIT
// A stub domain in the CPU's extension for virtual machines. All other scenarios run with it too,
// on a tree whose linstub.toml says so (HACKING).
#include "busy_guest.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto state_limit = seconds(200);

class PvhStubDomain : public Scenario {
protected:
  static GuestConfig config() {
    return {.name = "t-pvh", .extra = {"device_model_args_hvm = [ \"-linstub\", \"type=pvh\" ]"}};
  }
};

TEST_F(PvhStubDomain, ServesAGuestAtWorkThroughAnUpgrade) {
  BusyGuest guest(*this, config());
  EXPECT_THAT(stub_record("t-pvh"), HasSubstr("\"type\":\"pvh\""));
  guest.expect_all_well("at work");
  std::printf("%s", succeeds("linstub upgrade t-pvh", state_limit).c_str());
  guest.expect_all_well("after the upgrade");
  EXPECT_THAT(stub_record("t-pvh"), HasSubstr("\"type\":\"pvh\""));
  std::printf("%s\n", dom0("linstub status; xl list").c_str());
}

TEST_F(PvhStubDomain, IsSavedAndRestored) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  for (int i = 0; i < rounds(1, 10); i++) {
    save_and_restore("t-pvh");
    guest.found_again();
    guest.expect_all_well("round " + std::to_string(i));
  }
  EXPECT_THAT(stub_record("t-pvh"), HasSubstr("\"type\":\"pvh\""));
}

} // namespace
} // namespace linstub::lab
