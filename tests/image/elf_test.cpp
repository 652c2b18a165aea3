// SPDX-License-Identifier: MIT
#include "elf_builder.hpp"
#include "image/elf.hpp"

#include <gmock/gmock.h>

namespace linstub::image {
namespace {

using testing::build_elf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

base::Result<ElfObject> parse(const std::string &file) {
  return parse_elf(std::as_bytes(std::span(file)));
}

std::string error_of(const std::string &file) {
  auto object = parse(file);
  return object ? "" : object.error().message();
}

TEST(Elf, TellsWhatADynamicExecutableNeeds) {
  auto object = parse(build_elf({.interpreter = "/lib64/ld-linux-x86-64.so.2",
                                 .needed = {"libxenctrl.so.4.20", "libc.so.6"},
                                 .runpath = "/opt/a:$ORIGIN/../b"}));
  ASSERT_TRUE(object) << object.error().message();
  EXPECT_EQ(object->interpreter, "/lib64/ld-linux-x86-64.so.2");
  EXPECT_THAT(object->needed, ElementsAre("libxenctrl.so.4.20", "libc.so.6"));
  EXPECT_THAT(object->runpath, ElementsAre("/opt/a", "$ORIGIN/../b"));
}

TEST(Elf, TellsTheNameOfALibrary) {
  auto object = parse(build_elf({.soname = "libz.so.1", .rpath = "/old"}));
  ASSERT_TRUE(object) << object.error().message();
  EXPECT_EQ(object->soname, "libz.so.1");
  EXPECT_THAT(object->rpath, ElementsAre("/old"));
  EXPECT_EQ(object->interpreter, "");
}

TEST(Elf, AStaticExecutableNeedsNothing) {
  auto object = parse(build_elf({.needed = {"libc.so.6"}, .is_static = true}));
  ASSERT_TRUE(object) << object.error().message();
  EXPECT_TRUE(object->needed.empty());
}

TEST(Elf, SaysWhatAFileIsThatItCannotRead) {
  EXPECT_THAT(error_of("#!/bin/sh\n"), HasSubstr("not an ELF file"));
  EXPECT_THAT(error_of(""), HasSubstr("not an ELF file"));
  EXPECT_THAT(error_of("\x7f"
                       "ELF"),
              HasSubstr("ends within the ELF header"));
  EXPECT_THAT(error_of(build_elf({.elf_class = ELFCLASS32})), HasSubstr("not a 64-bit"));
  EXPECT_THAT(error_of(build_elf({.machine = EM_AARCH64})), HasSubstr("another processor"));
  EXPECT_THAT(error_of(build_elf({.type = ET_REL})), HasSubstr("neither an executable"));
}

TEST(Elf, IsNeverReadBeyondItsEnd) {
  const std::string whole =
      build_elf({.interpreter = "/lib64/ld.so", .soname = "x", .needed = {"libc.so.6"}});
  for (size_t size = 0; size < whole.size(); size++) {
    // An exact copy, so that AddressSanitizer sees a read beyond it.
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<long>(size));
    EXPECT_FALSE(parse_elf(std::as_bytes(std::span(part)))) << size;
  }
}

TEST(Elf, ForgedOffsetsAreErrors) {
  const std::string whole = build_elf({.soname = "x", .needed = {"libc.so.6"}});
  for (size_t at = 0; at + sizeof(uint64_t) <= whole.size(); at++) {
    std::string forged = whole;
    forged.replace(at, sizeof(uint64_t), sizeof(uint64_t), '\xff');
    [[maybe_unused]] auto parsed = parse(forged); // any result, no crash
  }
}

TEST(Elf, ANameWithoutAnEndIsAnError) {
  std::string file = build_elf({.needed = {"libc.so.6"}});
  const size_t at = file.find("libc.so.6");
  file[at + 9] = 'x'; // over the end of the last string of the table
  EXPECT_THAT(error_of(file), HasSubstr("does not end"));
}

} // namespace
} // namespace linstub::image
