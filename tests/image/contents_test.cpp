// SPDX-License-Identifier: MIT
#include "image/contents.hpp"

#include <gmock/gmock.h>

namespace linstub::image {
namespace {

using ::testing::HasSubstr;
using Kind = ContentLine::Kind;

TEST(Contents, ReadsEachKindOfLine) {
  auto lines = parse_contents("# what is inside\n"
                              "\n"
                              "directory /dev\n"
                              "program /usr/bin/q   qemu:qemu-system-i386\n"
                              "file /rom root:/usr/share/rom   \n"
                              "tree /keys qemu:keymaps\n"
                              "program /init init:\n"
                              "library libgcc_s.so.1\n"
                              "linked /init nettle-dev\n"
                              "program /usr/bin/t root:/usr/bin/t disk\n");
  ASSERT_TRUE(lines) << lines.error().message();
  ASSERT_EQ(lines->size(), 8);
  EXPECT_EQ((*lines)[0].kind, Kind::directory);
  EXPECT_EQ((*lines)[1].origin, Origin::qemu);
  EXPECT_EQ((*lines)[1].source, "qemu-system-i386");
  EXPECT_EQ((*lines)[2].source, "/usr/share/rom");
  EXPECT_EQ((*lines)[3].kind, Kind::tree);
  EXPECT_EQ((*lines)[4].origin, Origin::init);
  EXPECT_EQ((*lines)[5].path, "libgcc_s.so.1");
  EXPECT_EQ((*lines)[6].kind, Kind::linked);
  EXPECT_EQ((*lines)[6].path, "/init");
  EXPECT_EQ((*lines)[6].source, "nettle-dev");
  EXPECT_TRUE((*lines)[7].disk_only);
  EXPECT_FALSE((*lines)[1].disk_only);
}

TEST(Contents, NamesTheLineThatItCannotRead) {
  auto error_of = [](const char *table) {
    auto lines = parse_contents(table);
    return lines ? "" : lines.error().message();
  };
  EXPECT_THAT(error_of("directory /a\nfolder /b\n"), HasSubstr("line 2: \"folder\" is none of"));
  EXPECT_THAT(error_of("file /a\n"), HasSubstr("not an origin"));
  EXPECT_THAT(error_of("file /a net:/x\n"), HasSubstr("\"net:/x\" is not an origin"));
  EXPECT_THAT(error_of("file a root:/x\n"), HasSubstr("not an absolute path"));
  EXPECT_THAT(error_of("directory\n"), HasSubstr("not an absolute path"));
  EXPECT_THAT(error_of("directory /a root:/x\n"), HasSubstr("has no origin"));
  EXPECT_THAT(error_of("linked /init\n"), HasSubstr("no package that is linked into /init"));
  EXPECT_THAT(error_of("file /a root:/x y\n"), HasSubstr("\"y\" is too much"));
  EXPECT_THAT(error_of("file /a root:/x disk\n"), HasSubstr("\"disk\" is too much"));
  EXPECT_THAT(error_of("program /a root:/x disk y\n"), HasSubstr("\"y\" is too much"));
}

} // namespace
} // namespace linstub::image
