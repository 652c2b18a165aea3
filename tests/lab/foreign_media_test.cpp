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

  // The characters of the upper lines of the screen, without the gaps between them.
  std::string screen() {
    // "00000000000b8000: 0x0747 0x0752 ...": in each word the character and its colours.
    std::istringstream dump(
        host()
            .check("xl qemu-monitor-command t-media 'xp /800hx 0xb8000'", seconds(60))
            .value_or(""));
    std::string text;
    for (std::string word; dump >> word;) {
      if (!word.starts_with("0x"))
        continue;
      const auto cell = static_cast<char>(std::strtoul(word.c_str(), nullptr, 16) & 0xff);
      if (cell > ' ' && cell <= '~')
        text += cell;
      else if (!text.empty() && text.back() != ' ')
        text += ' ';
    }
    return text;
  }

  bool shows(const std::string &words) {
    const auto deadline = base::Deadline::after(boot_limit);
    while (!screen().contains(words) && !deadline.passed())
      holds_within("false", seconds(3));
    return screen().contains(words);
  }

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
