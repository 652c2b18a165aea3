#include "dm/description.hpp"
#include "dm/disk_image.hpp"
#include "dm/helper.hpp"
#include "dm/image.hpp"
#include "dm/status.hpp"

#include <gmock/gmock.h>

#include <array>

namespace linstub::dm {
namespace {

using testing::HasSubstr;

TEST(Description, ComesBackAsItWas) {
  Description description{
      .guest = xen::DomId{7},
      .name = "g-dm",
      .kernel = "/k",
      .ramdisk = "/r",
      .command_line = "quiet",
      .memory = 64,
      .log_level = "info",
      .arguments = {"-name", "a \"b\"\n"},
      .disks = {{.path = "/d", .vdev = "xvda", .mode = DiskMode::read_only}},
      .files = {{.device = "xvda", .size = 9, .path = "/run/files/kernel"}},
      .nics = {{.index = 1, .interface = "vif7.1-emu", .bridge = "br", .mac = "m"}}};
  auto again = decode_description(encode(description));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(encode(*again), encode(description));
  EXPECT_EQ(again->disks, description.disks);
  EXPECT_EQ(again->nics, description.nics);
  EXPECT_FALSE(decode_description("{}"));
  EXPECT_FALSE(decode_description("["));
}

TEST(Status, ComesBackAsItWas) {
  Status status{.guest = "g",
                .domid = xen::DomId{3},
                .stub_domain = xen::DomId{4},
                .pid = 9,
                .phase = "serving",
                .image = "/i",
                .version = "1",
                .memory = 64,
                .since = 5,
                .error = "e"};
  EXPECT_EQ(decode_status(encode(status)), status);
  status.stub_domain.reset();
  EXPECT_EQ(decode_status(encode(status)), status);
}

TEST(Status, HasAFileNameThatStaysInItsDirectory) {
  EXPECT_EQ(status_path("web-1"), "/run/linstub/web-1.status");
  EXPECT_EQ(status_path("../x y"), "/run/linstub/%2e.%2fx%20y.status");
}

TEST(Manifest, NamesWhatIsMissing) {
  auto manifest =
      parse_manifest(R"({"version":"0.1","xen":"4.20","kernel":{"size":5},"ramdisk":{"size":6}})");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->xen, "4.20");
  EXPECT_EQ(manifest->ramdisk_size, 6);
  EXPECT_THAT(parse_manifest(R"({"version":"0.1"})").error().message(), HasSubstr("xen"));
  EXPECT_FALSE(parse_manifest("torn"));
}

TEST(Image, ThatIsNotThereIsSaidToBeMissing) {
  EXPECT_THAT(check_image("/nonexistent", "4.20").error().message(),
              HasSubstr("no stub domain image"));
}

std::array<std::byte, qcow2_header_size> header(uint64_t size, uint32_t bits, uint64_t backing) {
  std::array<std::byte, qcow2_header_size> bytes{std::byte{'Q'}, std::byte{'F'}, std::byte{'I'},
                                                 std::byte{0xfb}};
  auto put = [&](size_t at, size_t count, uint64_t value) {
    for (size_t i = 0; i < count; i++)
      bytes.at(at + i) = static_cast<std::byte>(value >> (8 * (count - 1 - i)));
  };
  put(8, 8, backing);
  put(20, 4, bits);
  put(24, 8, size);
  return bytes;
}

TEST(Qcow2, TellsHowLongItsFileCanGet) {
  auto image = parse_qcow2(header(uint64_t{10} << 30, 16, 0));
  ASSERT_TRUE(image);
  EXPECT_FALSE(image->backing_file);
  EXPECT_GT(largest_file(*image), (uint64_t{10} << 30) + (10 << 20));
  EXPECT_LT(largest_file(*image), (uint64_t{10} << 30) + (64 << 20));
  EXPECT_EQ(largest_file(*image) % 512, 0);
}

TEST(Qcow2, IsRefusedWhenItsHeaderIsOdd) {
  EXPECT_FALSE(parse_qcow2(header(1, 64, 0)));
  EXPECT_FALSE(parse_qcow2(header(~uint64_t{0}, 16, 0)));
  EXPECT_TRUE(parse_qcow2(header(1 << 20, 16, 512))->backing_file);
  std::array<std::byte, qcow2_header_size> zero{};
  EXPECT_FALSE(parse_qcow2(zero));
}

TEST(LibxlError, LosesItsPlaceInTheSource) {
  EXPECT_EQ(libxl_error("libxl: error: libxl_device.c:1389:cb: script: no such image"),
            "script: no such image");
  EXPECT_EQ(libxl_error("libxl: warning: x"), "");
}

} // namespace
} // namespace linstub::dm
