// SPDX-License-Identifier: MIT
#include "manifest/manifest.hpp"

#include <gmock/gmock.h>

namespace linstub::manifest {
namespace {

using ::testing::HasSubstr;

Manifest example() {
  return {
      .identity = {.version = "0.1.0",
                   .xen = "4.20",
                   .suite = "trixie",
                   .kernel = digest_of("kernel"),
                   .ramdisk = digest_of("ramdisk"),
                   .ramdisk_unpacked = 12,
                   .init = digest_of("init"),
                   .system = digest_of("system")},
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
      .components =
          {{.name = "libc6",
            .version = "2.41-12",
            .part = "ramdisk",
            .copyright = digest_of("LGPL"),
            .licences = {"BSD-2-clause or GPL-2", "LGPL-2.1+"}},
           {.name = "linstub", .version = "0.1.0", .part = "/init", .copyright = digest_of("MIT")}},
      .files = {
          {.path = "/init", .origin = "linstub", .version = "0.1.0", .digest = digest_of("init")}}};
}

TEST(Manifest, IsReadBackAsItWasWritten) {
  auto back = parse(to_json(example()));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, example());
}

TEST(Manifest, ItsIdentityIsReadWithoutItsLists) {
  auto identity = parse_identity(to_json(example()));
  ASSERT_TRUE(identity) << identity.error().message();
  EXPECT_EQ(*identity, example().identity);
}

TEST(Manifest, SaysWhatIsWrongWithOneThatItCannotRead) {
  auto error_of = [](std::string_view json) {
    auto manifest = parse(json);
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
  EXPECT_THAT(error_of(changed("\"format\": 3", "\"format\": 2")),
              HasSubstr("format is 2, this program knows 3"));
  EXPECT_THAT(error_of(changed("\"xen\": \"4.20\"", "\"xen\": 4.20")), HasSubstr("string"));
  EXPECT_THAT(error_of(changed("\"size\": 6", "\"size\": -6")), HasSubstr("not a size"));
  EXPECT_THAT(error_of(changed(digest_of("kernel").sha256, "00")), HasSubstr("not a SHA-256"));
  EXPECT_THAT(error_of(changed("\"suite\": \"trixie\",", "")), HasSubstr("\"suite\" is missing"));
  EXPECT_THAT(error_of(changed("\"suite\"", "\"sweet\"")), HasSubstr("\"sweet\" is not known"));
  EXPECT_THAT(error_of(changed("\"path\"", "\"more\": [], \"path\"")), HasSubstr("\"more\""));
  EXPECT_THAT(error_of(changed("\"trixie\"", "\"tri\\u001b[xie\"")), HasSubstr("not plain text"));
  EXPECT_THAT(error_of(changed("\"trixie\"", "\"\"")), HasSubstr("\"suite\" is empty"));
  EXPECT_THAT(error_of(changed("\"trixie\"", "\"" + std::string(513, 'x') + "\"")),
              HasSubstr("too long"));
  EXPECT_THAT(error_of(changed("\"origin\": \"linstub\"", "\"origin\": \"libc6\"")),
              HasSubstr("/init comes from libc6 0.1.0, which is not a component"));
  EXPECT_THAT(error_of(changed("\"name\": \"libc6\"", "\"name\": \"../libc6\"")),
              HasSubstr("not the name of a component"));
  EXPECT_THAT(error_of(changed("\"part\"", "\"licences\": [], \"part\"")), HasSubstr("twice"));
}

TEST(Manifest, AFieldThatIsThereTwiceIsRefused) {
  // Others would read the first one, or the last.
  const std::string twice = R"({"format": 3, "xen": "4.20", "xen": "4.17"})";
  EXPECT_THAT(parse(twice).error().message(), HasSubstr("\"xen\" is there twice"));
  EXPECT_THAT(parse_identity(twice).error().message(), HasSubstr("\"xen\" is there twice"));
  std::string json = to_json(example());
  json.insert(1, R"("inputs": [{"kind": "package", "kind": "source"}],)");
  EXPECT_THAT(parse(json).error().message(), HasSubstr("\"kind\" is there twice"));
  EXPECT_THAT(parse_identity(json).error().message(), HasSubstr("twice"));
}

TEST(Manifest, ItsSizeAndDepthAndListsAreBounded) {
  auto message = [](std::string_view json) { return parse(json).error().message(); };
  EXPECT_THAT(message(std::string((size_t{1} << 20) + 1, ' ')), HasSubstr("more than 1048576"));
  EXPECT_THAT(message(std::string(1000, '[')), HasSubstr("nested too deeply"));
  auto many = example();
  many.files.resize(4097, many.files.front());
  many.inputs.clear();
  many.components.clear();
  EXPECT_THAT(message(to_json(many)), HasSubstr("\"files\" has more than 4096 entries"));
}

} // namespace
} // namespace linstub::manifest
