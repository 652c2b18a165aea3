// SPDX-License-Identifier: MIT
// The directory of a stub domain image, with files that look like what they should be.
#pragma once

#include "base/fd.hpp"
#include "manifest/manifest.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace linstub::fake {

inline void put_image(const std::filesystem::path &directory, const std::string &xen = "4.20") {
  std::string kernel(0x300, 'k');
  kernel.replace(0x202, 4, "HdrS");
  const std::string ramdisk = "\x28\xb5\x2f\xfd and so on";
  std::string system(0x1000, 's');
  system.replace(0x400, 4, "\xe2\xe1\xf5\xe0");
  const manifest::Manifest manifest{.identity = {.version = "0.9",
                                                 .xen = xen,
                                                 .suite = "trixie",
                                                 .kernel = manifest::digest_of(kernel),
                                                 .ramdisk = manifest::digest_of(ramdisk),
                                                 .ramdisk_unpacked = 20,
                                                 .init = manifest::digest_of(ramdisk),
                                                 .system = manifest::digest_of(system)},
                                    .inputs = {{.kind = "package", .name = "gcc-14"}},
                                    .components = {},
                                    .files = {}};
  EXPECT_TRUE(base::replace_file(directory / "kernel", kernel));
  EXPECT_TRUE(base::replace_file(directory / "ramdisk", ramdisk));
  EXPECT_TRUE(base::replace_file(directory / "init", ramdisk));
  EXPECT_TRUE(base::replace_file(directory / "system", system));
  EXPECT_TRUE(base::replace_file(directory / "manifest.json", manifest::to_json(manifest)));
}

} // namespace linstub::fake
