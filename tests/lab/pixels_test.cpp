// SPDX-License-Identifier: MIT
// display = "pixels": what viewers get is made in dom0, of pixels. And the same guest with "bytes"
// beside it: what either costs.
#include "lab/screenshot.hpp"
#include "lab/viewer.hpp"
#include "scenario.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <sstream>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(120);
constexpr auto look_limit = seconds(60);
constexpr auto upgrade_limit = seconds(200);
constexpr auto command_limit = seconds(60);

class Pixels : public Scenario {
protected:
  static GuestConfig quick(const std::string &name, const std::string &display,
                           std::vector<std::string> extra = {}) {
    GuestConfig config{
        .name = name, .direct_boot = true, .options = without_nic, .extra = std::move(extra)};
    config.extra.push_back(
        base::format("device_model_args_hvm = [ \"-linstub\", \"display={}\" ]", display));
    return config;
  }
  static void prepare(GuestRun &guest) {
    auto done = guest.ask(quiet_screen, ask_limit);
    EXPECT_TRUE(done) << why(done);
  }
  std::unique_ptr<Viewer> view(const std::string &name, const std::string &password = {},
                               const std::string &encodings = "raw") {
    auto viewer =
        Viewer::connect(host(), name, base::Deadline::after(look_limit), password, encodings);
    EXPECT_TRUE(viewer) << why(viewer);
    if (!viewer)
      return nullptr;
    auto shown = (*viewer)->wait_for_picture(base::Deadline::after(look_limit));
    EXPECT_TRUE(shown) << why(shown);
    return std::move(*viewer);
  }
  static std::vector<uint8_t> pixels_of(const Viewer &viewer) {
    return {viewer.pixels().begin(), viewer.pixels().end()};
  }
  // A pixel's fourth byte means nothing, and not every encoding carries it.
  static bool same_colours(const Viewer &one, const Viewer &other) {
    if (one.width() != other.width() || one.height() != other.height())
      return false;
    const size_t count = one.pixels().size() / Viewer::bytes_per_pixel;
    for (size_t i = 0; i < count; i++) {
      if (one.colour(i) != other.colour(i))
        return false;
    }
    return true;
  }
  static base::Result<base::Milliseconds> type(Viewer &viewer, uint32_t keysym) {
    return viewer.press_and_see(keysym, base::Deadline::after(look_limit));
  }
};

TEST_F(Pixels, ShowAGuestAndTakeItsKeysInAProcessWithoutRights) {
  GuestRun guest = start(quick("t-pixels", "pixels"));
  prepare(guest);
  auto viewer = view("t-pixels");
  ASSERT_TRUE(viewer);
  auto picture = write_png(*viewer, ::testing::TempDir() + "t-pixels.png");
  ASSERT_TRUE(picture) << why(picture);
  viewer->settle();
  for (uint32_t key : {'l', 'i', 'n'}) {
    auto typed = type(*viewer, key);
    EXPECT_TRUE(typed) << why(typed);
  }
  picture = write_png(*viewer, ::testing::TempDir() + "t-pixels.png");
  ASSERT_TRUE(picture) << why(picture);
  EXPECT_GE(picture->width, 640);
  EXPECT_GT(picture->lit, 0.0);
  EXPECT_LE(picture->colours, 16U) << "not a screen of text";
  // What is in the guest's video memory: each letter has its colours behind it.
  EXPECT_THAT(succeeds("xl qemu-monitor-command t-pixels 'xp /3hx 0xb8000'", command_limit),
              AllOf(HasSubstr("6c"), HasSubstr("69"), HasSubstr("6e")));

  EXPECT_EQ(qemus(), "0");
  const std::string user = dom0("echo $((1950032768 + $(xl domid t-pixels)))");
  for (const char *process : {"linstub-display", "linstub-viewer"}) {
    SCOPED_TRACE(process);
    const std::string status =
        dom0(base::format("cat /proc/$(pgrep -x {} | head -n 1)/status", process));
    EXPECT_THAT(status, AllOf(HasSubstr("Uid:\t" + user), HasSubstr("CapEff:\t0000000000000000"),
                              HasSubstr("Seccomp:\t2"), HasSubstr("NoNewPrivs:\t1")));
    EXPECT_EQ(dom0(base::format("ls -A /proc/$(pgrep -x {} | head -n 1)/root", process)), "");
  }
  // Another one beside it, and one that comes when nobody was there.
  {
    auto second = view("t-pixels", {}, "zrle");
    ASSERT_TRUE(second);
    EXPECT_TRUE(same_colours(*second, *viewer));
  }
  const std::vector<uint8_t> last = pixels_of(*viewer);
  viewer.reset();
  EXPECT_TRUE(holds_within("! pgrep -x linstub-viewer", look_limit));
  viewer = view("t-pixels");
  ASSERT_TRUE(viewer);
  EXPECT_TRUE(std::ranges::equal(viewer->pixels(), last));

  // Another mode: a third of the lines.
  const int height = viewer->height();
  auto resized = guest.ask("sh stty rows 10 </dev/tty1", ask_limit);
  EXPECT_TRUE(resized) << why(resized);
  const auto deadline = base::Deadline::after(look_limit);
  while (viewer->height() == height && !deadline.passed())
    ASSERT_TRUE(viewer->serve(deadline));
  EXPECT_LT(viewer->height(), height);
  auto typed = type(*viewer, 'x');
  EXPECT_TRUE(typed) << why(typed);
}

TEST_F(Pixels, StayWithTheirViewersThroughAnUpgradeAndKeepThePassword) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick("t-pixels", "pixels", {"vncpasswd = \"secret\""}));
  prepare(guest);
  auto viewer = view("t-pixels", "secret");
  ASSERT_TRUE(viewer);
  viewer->settle();
  succeeds("linstub upgrade t-pixels", upgrade_limit);
  // The first change may be that the picture comes anew.
  for (int i = 0; i < 2; i++) {
    viewer->settle();
    auto typed = type(*viewer, 'x');
    EXPECT_TRUE(typed) << why(typed);
  }
  EXPECT_TRUE(view("t-pixels", "secret"));
  EXPECT_FALSE(Viewer::connect(host(), "t-pixels", base::Deadline::after(look_limit), "Secret"));
  viewer.reset();
  save_and_restore("t-pixels");
  EXPECT_TRUE(view("t-pixels", "secret"));
  EXPECT_FALSE(Viewer::connect(host(), "t-pixels", base::Deadline::after(look_limit), "Secret"));
}

// The guest goes on without a screen; nothing else of it is touched.
TEST_F(Pixels, AreGoneWhenTheirProcessDiesAndTheGuestGoesOn) {
  ONLY_WHEN_THOROUGH();
  GuestRun guest = start(quick("t-pixels", "pixels"));
  auto viewer = view("t-pixels");
  dom0("pkill -9 -x linstub-display");
  EXPECT_TRUE(holds_within("! pgrep -x linstub-viewer", look_limit));
  EXPECT_TRUE(guest.ask("hello", ask_limit));
  EXPECT_THAT(dom0("cat /var/log/xen/qemu-dm-t-pixels.log"), HasSubstr("guest's screen"));
}

// --- What it costs -------------------------------------------------------------------------------

// s of the CPU, and bytes.
struct Cost {
  double dom0 = 0;
  double stub = 0;
  double guest = 0;
  double carried = 0; // by linstub-model: from the stub domain, and a little to it
  double shown = 0;   // to viewers, by the display; with bytes it is what was carried
};

class Costs : public Pixels {
protected:
  Cost now(const std::string &name) {
    std::istringstream said(dom0("n=" + name + R"sh(
xl list | awk -v n=$n '$1 == "Domain-0" { print "dom0 " $NF } $1 == n { print "guest " $NF }
  $1 == n "-dm" { print "stub " $NF }'
bytes() { for p in $(pgrep -x $1); do cat /proc/$p/io; done |
  awk -v n=$2 '/^wchar/ { s += $2 } END { print n, s + 0 }'; }
bytes linstub-model carried
bytes linstub-viewer shown)sh"));
    std::map<std::string, double> values;
    std::string key;
    double value = 0;
    while (said >> key >> value)
      values[key] = value;
    return {.dom0 = values["dom0"],
            .stub = values["stub"],
            .guest = values["guest"],
            .carried = values["carried"],
            .shown = values["shown"]};
  }
  // Of so long a time with a viewer.
  void measure(const char *what, const std::string &display, const std::string &name,
               Viewer &viewer, base::Milliseconds time) {
    const Cost before = now(name);
    const auto begin = base::Clock::now();
    const auto deadline = base::Deadline::after(time);
    size_t updates = 0;
    while (!deadline.passed())
      updates += viewer.serve(deadline).value_or(false) ? 1 : 0;
    const Cost after = now(name);
    const double took = std::chrono::duration<double>(base::Clock::now() - begin).count();
    std::printf("%s, %s: in %.1f s dom0 %.2f s of CPU, stub domain %.2f, guest %.2f; %.0f KiB "
                "carried, %.0f KiB shown by the display; %zu updates\n",
                what, display.c_str(), took, after.dom0 - before.dom0, after.stub - before.stub,
                after.guest - before.guest, (after.carried - before.carried) / 1024,
                (after.shown - before.shown) / 1024, updates);
    std::fflush(stdout);
    EXPECT_GE(after.dom0, before.dom0);
  }
  void all_of(const std::string &display) {
    const std::string name = "t-cost";
    GuestRun guest = start(quick(name, display));
    prepare(guest);
    const Cost begin = now(name);
    holds_within("false", look_time);
    const Cost alone = now(name);
    std::printf("nobody looks, %s: in %lld s dom0 %.2f s of CPU, stub domain %.2f\n",
                display.c_str(), static_cast<long long>(look_time.count()), alone.dom0 - begin.dom0,
                alone.stub - begin.stub);
    for (const char *encodings : {"raw", "tight zrle hextile raw"}) {
      std::printf("a viewer that wants %s\n", encodings);
      auto viewer = view(name, {}, encodings);
      ASSERT_TRUE(viewer);
      viewer->settle();
      std::printf("KiB of memory (proportional set size):\n%s\n",
                  dom0("for p in $(pgrep linstub-); do echo $(cat /proc/$p/comm) "
                       "$(awk '/^Pss:/ { print $2 }' /proc/$p/smaps_rollup); done")
                      .c_str());
      measure("idle", display, name, *viewer, look_time);
      std::string times;
      for (int i = 0; i < 5; i++) {
        auto typed = type(*viewer, 'a');
        ASSERT_TRUE(typed) << why(typed);
        times += base::format(" {}", typed->count());
        viewer->settle();
      }
      std::printf("from a key to its pixels, %s:%s ms\n", display.c_str(), times.c_str());
      auto begun = guest.ask(scroll_screen, ask_limit);
      EXPECT_TRUE(begun) << why(begun);
      measure("scrolling", display, name, *viewer, look_time);
      EXPECT_TRUE(guest.ask(end_scrolling, ask_limit));
      viewer->settle();
    }
    dom0("xl destroy t-cost");
  }
  static constexpr seconds look_time{10};
};

// What is printed goes into docs/display.md.
TEST_F(Costs, OfAScrollingConsoleAndAnIdleScreenAndAKey) {
  ONLY_WHEN_THOROUGH();
  for (int round = 0; round < rounds(1, 10); round++) {
    for (const std::string display : {"bytes", "pixels"})
      ASSERT_NO_FATAL_FAILURE(all_of(display));
  }
}

} // namespace
} // namespace linstub::lab
