// SPDX-License-Identifier: MIT
// What others have made to boot on a PC, from Debian's packages in the build root, boots to a
// screen that is known: read out of the emulated VGA's memory, in text mode.
#include "scenario.hpp"

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace linstub::lab {
namespace {

using std::chrono::seconds;

constexpr auto create_limit = seconds(120);
constexpr auto boot_limit = seconds(300);
constexpr auto copy_limit = seconds(240);

class ForeignMedia : public Scenario {
protected:
  void insert(const std::filesystem::path &image) {
    auto put = host().put(image, medium, copy_limit);
    ASSERT_TRUE(put) << why(put);
    auto guest = GuestRun::create(
        host(), {.name = "t-media", .disk = "", .cdrom = medium, .extra = {"vif = [ ]"}},
        create_limit);
    ASSERT_TRUE(guest) << why(guest);
  }

  bool shows(const std::string &words) { return Scenario::shows("t-media", words, boot_limit); }
  std::string screen() { return Scenario::screen("t-media"); }

  static constexpr const char *medium = "/run/lab-t-media.iso";
};

TEST_F(ForeignMedia, GrubsRescueCdBootsToItsPrompt) {
  ONLY_WHEN_THOROUGH();
  const std::string image = ::testing::TempDir() + "rescue.iso";
  auto made = base::run_checked({.argv = {"grub-mkrescue", "-o", image}},
                                base::Deadline::after(seconds(120)));
  ASSERT_TRUE(made) << why(made);
  insert(image);
  std::filesystem::remove(image);
  EXPECT_TRUE(shows("grub>")) << screen();
}

TEST_F(ForeignMedia, MemtestBegins) {
  ONLY_WHEN_THOROUGH();
  insert("/usr/lib/memtest86+/memtest86+x64.iso");
  EXPECT_TRUE(shows("Memtest86+")) << screen();
}

TEST_F(ForeignMedia, IpxeBegins) {
  ONLY_WHEN_THOROUGH();
  insert("/usr/lib/ipxe/ipxe.iso");
  EXPECT_TRUE(shows("iPXE")) << screen();
}

} // namespace
} // namespace linstub::lab
