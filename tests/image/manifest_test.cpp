#include "image/manifest.hpp"

#include <gmock/gmock.h>

namespace linstub::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Manifest example() {
  return {
      .version = "0.1.0",
      .xen = "4.20",
      .suite = "trixie",
      .kernel = digest_of("kernel"),
      .ramdisk = digest_of("ramdisk"),
      .ramdisk_unpacked = 12,
      .inputs = {{.kind = "package", .name = "gcc-14", .version = "14.2.0-19"},
                 {.kind = "recipe",
                  .name = "qemu/linstub.mak",
                  .file = "qemu/linstub.mak",
                  .digest = digest_of("devices")},
                 {.kind = "source",
                  .name = "qemu",
                  .version = "1:10.0.13",
                  .file = "qemu.dsc",
                  .digest = digest_of("dsc")}},
      .files = {
          {.path = "/init", .origin = "linstub", .version = "0.1.0", .digest = digest_of("init")}}};
}

TEST(Manifest, IsReadBackAsItWasWritten) {
  auto back = parse_manifest(to_json(example()));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, example());
}

TEST(Manifest, SaysWhatIsWrongWithOneThatItCannotRead) {
  auto error_of = [](std::string_view json) {
    auto manifest = parse_manifest(json);
    return manifest ? "" : manifest.error().message();
  };
  auto changed = [](std::string_view from, std::string_view to) {
    std::string json = to_json(example());
    const size_t at = json.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return json.replace(at, from.size(), to);
  };
  EXPECT_THAT(error_of("{}"), HasSubstr("not a manifest"));
  EXPECT_THAT(error_of("[]"), HasSubstr("not a manifest"));
  EXPECT_THAT(error_of("nonsense"), HasSubstr("parse error"));
  EXPECT_THAT(error_of(changed("\"format\": 1", "\"format\": 2")),
              HasSubstr("format is 2, this program knows 1"));
  EXPECT_THAT(error_of(changed("\"xen\": \"4.20\"", "\"xen\": 4.20")), HasSubstr("string"));
  EXPECT_THAT(error_of(changed("\"size\": 6", "\"size\": -6")), HasSubstr("not a size"));
  EXPECT_THAT(error_of(changed(digest_of("kernel").sha256, "00")), HasSubstr("not a SHA-256"));
}

TEST(Manifest, NamesEachInputThatIsNotTheLockedOne) {
  const auto locked = example().inputs;
  EXPECT_THAT(differences(locked, locked, Inputs::complete), IsEmpty());

  auto found = locked;
  found[0].version = "14.3.0-1";
  found[1].digest = digest_of("other devices");
  found.push_back({.kind = "package", .name = "libnew", .version = "1"});
  EXPECT_THAT(differences(locked, found, Inputs::complete),
              ElementsAre(HasSubstr("qemu/linstub.mak has SHA-256 "),
                          "the manifest has no package libnew 1",
                          "the manifest has package gcc-14 14.2.0-19, here it is 14.3.0-1"));
}

TEST(Manifest, MissesAnInputOnlyOnceAllAreKnown) {
  const auto locked = example().inputs;
  const std::vector<Input> some(locked.begin(), locked.begin() + 1);
  EXPECT_THAT(differences(locked, some, Inputs::some), IsEmpty());
  EXPECT_THAT(differences(locked, some, Inputs::complete),
              ElementsAre(HasSubstr("recipe qemu/linstub.mak is in the manifest, but is not used"),
                          HasSubstr("source qemu 1:10.0.13, file qemu.dsc is in the manifest")));
}

} // namespace
} // namespace linstub::image
