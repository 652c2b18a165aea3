// SPDX-License-Identifier: MIT
// The largest mode of the standard graphics card, set as its drivers do: by the ports of Bochs'
// display interface (QEMU's docs/specs/standard-vga.rst).
#include "lab/viewer.hpp"
#include "scenario.hpp"

#include <array>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr auto ask_limit = seconds(120);
constexpr auto look_limit = seconds(200);

constexpr const char *memory_of_stub_domain = "xl list t-large-dm | awk 'NR == 2 { print $3 }'";
constexpr int of_a_viewer = 3 * 16;     // MiB: with pixels there is one
constexpr int tables_of_new_memory = 6; // MiB
constexpr auto given_back = seconds(100);

constexpr int width = 2560;
constexpr int height = 1600;
constexpr size_t bank_size = size_t{64} << 10; // of what is seen at 0xa0000 at a time
constexpr size_t last_bank = width * height * Viewer::bytes_per_pixel / bank_size - 1;
constexpr size_t last_pixel = size_t{width} * height - 1;

// Index and value: off, width, height, bits of a pixel, on.
constexpr const char *set_mode =
    "for p in '4 0' '1 2560' '2 1600' '3 32' '4 65'; do set -- $p; ioport 16 462 $1; "
    "ioport 16 463 $2; done";

class LargeScreen : public Scenario, public ::testing::WithParamInterface<const char *> {
protected:
  std::unique_ptr<Viewer> connect(const char *encodings) {
    auto viewer =
        Viewer::connect(host(), "t-large", base::Deadline::after(look_limit), "", encodings);
    EXPECT_TRUE(viewer) << why(viewer);
    return viewer ? std::move(*viewer) : nullptr;
  }

  // Of the stub domain, in MiB.
  int memory() { return std::stoi(dom0(memory_of_stub_domain)); }

  // The last 16,384 pixels of the screen; `byte` in octal, for tr(1).
  void fills_the_end(GuestRun &guest, const char *byte) {
    guest_does(guest,
               base::format("ioport 16 462 5; ioport 16 463 {}; tr '\\0' '\\{}' </dev/zero | "
                            "dd of=/dev/mem bs=64k seek=10 count=1 iflag=fullblock "
                            "conv=notrunc",
                            last_bank, byte));
  }
};

TEST_P(LargeScreen, IsShownBesideViewersThatDoNotRead) {
  ONLY_WHEN_THOROUGH();
  // Debian's kernel: the tiny one lets no program at ports of 16 bits.
  GuestRun guest = start(pv_guest(
      "t-large",
      {base::format("device_model_args_hvm = [ \"-linstub\", \"display={}\" ]", GetParam())}));
  const int before = memory();
  // Before there is a viewer: QEMU ends the connection of one for whom the screen grows so much at
  // once (as in dom0; it takes what is queued for one that has stopped reading).
  ASSERT_NO_FATAL_FAILURE(guest_does(guest, set_mode));
  auto viewer = connect("zrle hextile raw");
  // They have asked for the screen as it is, and take nothing of it.
  std::array stalled{connect("raw"), connect("raw")};
  ASSERT_FALSE(HasFailure());
  auto shown = viewer->wait_for_picture(base::Deadline::after(look_limit));
  ASSERT_TRUE(shown) << why(shown);
  struct Shade {
    const char *byte;
    uint8_t colour;
  };
  for (const Shade &shade : {Shade{"377", 255}, Shade{"100", 64}, Shade{"300", 192}}) {
    SCOPED_TRACE(shade.byte);
    ASSERT_NO_FATAL_FAILURE(fills_the_end(guest, shade.byte));
    const std::array colour{shade.colour, shade.colour, shade.colour};
    const auto deadline = base::Deadline::after(look_limit);
    auto is_seen = [&] {
      return viewer->width() == width && viewer->height() == height &&
             viewer->colour(last_pixel) == colour &&
             viewer->colour(last_bank * bank_size / Viewer::bytes_per_pixel) == colour;
    };
    while (!is_seen() && !deadline.passed()) {
      auto served = viewer->serve(deadline);
      ASSERT_TRUE(served) << why(served);
    }
    EXPECT_TRUE(is_seen()) << viewer->width() << "x" << viewer->height();
  }
  EXPECT_THAT(dom0("linstub status"), HasSubstr("serving"));
  EXPECT_GE(memory(), before + of_a_viewer);
  EXPECT_EQ(dom0("grep -c 'Xen gives no memory' /var/log/xen/qemu-dm-t-large.log || true"), "0");
  std::printf("stub domain: %d MiB, with viewers %d MiB\n", before, memory());
  viewer.reset();
  stalled = {};
  EXPECT_TRUE(holds_within(
      base::format("[ $({}) -le {} ]", memory_of_stub_domain, before + tables_of_new_memory),
      given_back))
      << memory();
  std::printf("and after them %d MiB\n", memory());
  dom0("xl destroy t-large");
}

INSTANTIATE_TEST_SUITE_P(By, LargeScreen, ::testing::Values("bytes", "pixels"),
                         [](const auto &test) { return std::string(test.param); });

} // namespace
} // namespace linstub::lab
