// SPDX-License-Identifier: MIT
#include "image/locked_inputs.hpp"

#include <gmock/gmock.h>

namespace linstub::image {
namespace {

using manifest::digest_of;
using manifest::Input;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<Input> locked{{.kind = "package", .name = "gcc-14", .version = "14.2.0-19"},
                                {.kind = "recipe",
                                 .name = "qemu/linstub.mak",
                                 .file = "qemu/linstub.mak",
                                 .digest = digest_of("devices")},
                                {.kind = "source",
                                 .name = "qemu",
                                 .version = "1:10.0.13",
                                 .file = "qemu.dsc",
                                 .digest = digest_of("dsc")}};

TEST(LockedInputs, NamesEachInputThatIsNotTheLockedOne) {
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

TEST(LockedInputs, MissesAnInputOnlyOnceAllAreKnown) {
  const std::vector<Input> some(locked.begin(), locked.begin() + 1);
  EXPECT_THAT(differences(locked, some, Inputs::some), IsEmpty());
  EXPECT_THAT(differences(locked, some, Inputs::complete),
              ElementsAre(HasSubstr("recipe qemu/linstub.mak is in the manifest, but is not used"),
                          HasSubstr("source qemu 1:10.0.13, file qemu.dsc is in the manifest")));
}

} // namespace
} // namespace linstub::image
