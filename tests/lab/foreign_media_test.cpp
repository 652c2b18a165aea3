// SPDX-License-Identifier: MIT
// What others have made to boot on a PC, from Debian's packages in the build root, boots to a
// screen that is known: read out of the emulated VGA's memory, in text mode.
#include "lab/viewer.hpp"
#include "scenario.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace linstub::lab {
namespace {

using std::chrono::seconds;

constexpr auto create_limit = seconds(120);
constexpr auto boot_limit = seconds(300);
constexpr auto copy_limit = seconds(240);

class ForeignMedia : public Scenario {
protected:
  void insert(const std::filesystem::path &image, std::vector<std::string> extra = {}) {
    auto put = host().put(image, medium, copy_limit);
    ASSERT_TRUE(put) << why(put);
    extra.emplace_back("vif = [ ]");
    auto guest = GuestRun::create(
        host(), {.name = "t-media", .disk = "", .cdrom = medium, .extra = std::move(extra)},
        create_limit);
    ASSERT_TRUE(guest) << why(guest);
  }

  // GRUB's rescue CD, with what is in that directory.
  static void make_rescue_cd(const std::string &image, const std::string &content = {}) {
    std::vector<std::string> command{"grub-mkrescue", "-o", image};
    if (!content.empty())
      command.push_back(content);
    auto made = base::run_checked({.argv = command}, base::Deadline::after(seconds(120)));
    ASSERT_TRUE(made) << why(made);
  }

  bool shows(const std::string &words) { return Scenario::shows("t-media", words, boot_limit); }
  std::string screen() { return Scenario::screen("t-media"); }

  static constexpr const char *medium = "/run/lab-t-media.iso";
};

TEST_F(ForeignMedia, GrubsRescueCdBootsToItsPrompt) {
  ONLY_WHEN_THOROUGH();
  const std::string image = ::testing::TempDir() + "rescue.iso";
  ASSERT_NO_FATAL_FAILURE(make_rescue_cd(image));
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

// GRUB sets the mode that it is told and waits for keys, which it shows.
constexpr const char *large_screen = R"cfg(
set gfxmode=2560x1600x32
insmod all_video
insmod gfxterm
loadfont unicode
terminal_output gfxterm
while true; do
  read word
done
)cfg";

class LargeScreen : public ForeignMedia, public ::testing::WithParamInterface<const char *> {};

TEST_P(LargeScreen, IsShownBesideViewersThatDoNotRead) {
  ONLY_WHEN_THOROUGH();
  const std::filesystem::path content = ::testing::TempDir() + "rescue";
  std::filesystem::create_directories(content / "boot/grub");
  std::ofstream(content / "boot/grub/grub.cfg") << large_screen;
  const std::string image = ::testing::TempDir() + "large.iso";
  ASSERT_NO_FATAL_FAILURE(make_rescue_cd(image, content.string()));
  insert(image,
         {"videoram = 32",
          base::format("device_model_args_hvm = [ \"-linstub\", \"display={}\" ]", GetParam())});
  std::filesystem::remove(image);
  std::filesystem::remove_all(content);
  ASSERT_FALSE(HasFailure());
  auto connect = [&] {
    auto viewer = Viewer::connect(host(), "t-media", base::Deadline::after(boot_limit), "",
                                  "zrle hextile raw");
    EXPECT_TRUE(viewer) << why(viewer);
    return viewer ? std::move(*viewer) : nullptr;
  };
  const auto viewer = connect();
  // They have asked for the screen, and take nothing of it.
  const std::array stalled{connect(), connect()};
  ASSERT_FALSE(HasFailure());
  const auto deadline = base::Deadline::after(boot_limit);
  auto shown = viewer->wait_for_picture(deadline);
  while (shown && viewer->width() != 2560 && !deadline.passed())
    shown = viewer->serve(deadline).transform([](bool) {});
  EXPECT_TRUE(shown) << why(shown);
  EXPECT_EQ(viewer->width(), 2560);
  EXPECT_EQ(viewer->height(), 1600);
  viewer->settle();
  for (const uint32_t key : {'l', 'i', 'n'}) {
    auto seen = viewer->press_and_see(key, base::Deadline::after(boot_limit));
    EXPECT_TRUE(seen) << why(seen);
    viewer->settle();
  }
  EXPECT_THAT(dom0("linstub status"), ::testing::HasSubstr("serving"));
}

INSTANTIATE_TEST_SUITE_P(By, LargeScreen, ::testing::Values("bytes", "pixels"),
                         [](const auto &test) { return std::string(test.param); });

} // namespace
} // namespace linstub::lab
