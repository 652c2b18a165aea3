// SPDX-License-Identifier: MIT
#include "image/newc.hpp"
#include "image/zstd.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <zstd.h>

#include <memory>

namespace linstub::image {
namespace {

using ::testing::HasSubstr;
using Kind = NewcEntry::Kind;

std::vector<NewcEntry> example() {
  return {{.path = "/usr/x", .permissions = 0755, .data = "hello"},
          {.path = "/usr", .kind = Kind::directory, .permissions = 0755},
          {.path = "/link", .kind = Kind::link, .permissions = 0777, .data = "usr/x"},
          {.path = "/usr-b", .data = ""}};
}

TEST(Newc, WritesTheseBytes) {
  auto archive = write_newc({{.path = "/d", .kind = Kind::directory, .permissions = 0755},
                             {.path = "/d/f", .permissions = 0644, .data = "hello"}});
  ASSERT_TRUE(archive) << archive.error().message();
  const std::string zero = "00000000";
  const std::string expected =
      // magic, inode, mode, uid, gid, links, time, size, four device numbers, name, checksum
      "070701"
      "00000001"
      "000041ED" +
      zero + zero + "00000002" + zero + zero + zero + zero + zero + zero + "00000002" + zero +
      std::string("d\0", 2) +
      "070701"
      "00000002"
      "000081A4" +
      zero + zero + "00000001" + zero + "00000005" + zero + zero + zero + zero + "00000004" + zero +
      std::string("d/f\0\0\0", 6) + std::string("hello\0\0\0", 8) + "070701" + zero + zero + zero +
      zero + "00000001" + zero + zero + zero + zero + zero + zero + "0000000B" + zero +
      std::string("TRAILER!!!\0\0\0\0", 14);
  EXPECT_EQ(*archive, expected);
}

TEST(Newc, GivesTheSameBytesForAnyOrder) {
  auto entries = example();
  const auto first = write_newc(entries);
  ASSERT_TRUE(first) << first.error().message();
  std::ranges::reverse(entries);
  EXPECT_EQ(*write_newc(entries), *first);
}

TEST(Newc, IsReadBackByLibarchive) {
  const auto bytes = write_newc(example());
  ASSERT_TRUE(bytes) << bytes.error().message();
  const std::unique_ptr<struct archive, decltype(&archive_read_free)> reader(archive_read_new(),
                                                                             archive_read_free);
  archive_read_support_format_cpio(reader.get());
  ASSERT_EQ(archive_read_open_memory(reader.get(), bytes->data(), bytes->size()), ARCHIVE_OK);
  std::vector<std::string> seen;
  archive_entry *entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    std::string content(static_cast<size_t>(archive_entry_size(entry)), '\0');
    archive_read_data(reader.get(), content.data(), content.size());
    const char *target = archive_entry_symlink(entry);
    seen.push_back(std::format("{} {:o} {}:{} {} {}", archive_entry_pathname(entry),
                               archive_entry_mode(entry), archive_entry_uid(entry),
                               archive_entry_gid(entry), archive_entry_mtime(entry),
                               target != nullptr ? target : content));
  }
  EXPECT_THAT(seen, ::testing::ElementsAre("link 120777 0:0 0 usr/x", "usr 40755 0:0 0 ",
                                           "usr-b 100644 0:0 0 ", "usr/x 100755 0:0 0 hello"));
}

TEST(Newc, RefusesWhatTheKernelWouldMisread) {
  auto error_of = [](std::vector<NewcEntry> entries) {
    auto archive = write_newc(std::move(entries));
    return archive ? "" : archive.error().message();
  };
  EXPECT_THAT(error_of({{.path = "/a/b"}}), HasSubstr("put into /a, which is not there"));
  EXPECT_THAT(error_of({{.path = "/a"}, {.path = "/a"}}), HasSubstr("/a is there twice"));
  for (const char *path : {"a", "/a/../b", "/", "", "/a/", "//a"})
    EXPECT_THAT(error_of({{.path = path}}), HasSubstr("not a normal absolute path")) << path;
  EXPECT_THAT(error_of({{.path = "/a"}, {.path = "/a/b"}}), HasSubstr("not there"));
}

TEST(Zstd, GivesWhatZstdUnpacksInAWindowOf4MiB) {
  std::string data;
  for (int i = 0; i < 1'000'000; i++)
    data += std::format("{} ", i % 7919);
  const auto packed = compress(data);
  ASSERT_TRUE(packed) << packed.error().message();
  EXPECT_EQ(*compress(data), *packed);

  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 22);
  std::string back(data.size() + 1, '\0');
  ZSTD_outBuffer out{back.data(), back.size(), 0};
  ZSTD_inBuffer in{packed->data(), packed->size(), 0};
  const size_t left = ZSTD_decompressStream(context.get(), &out, &in);
  ASSERT_EQ(left, 0) << ZSTD_getErrorName(left);
  back.resize(out.pos);
  EXPECT_EQ(back, data);
}

TEST(Zstd, ADamagedRamdiskIsNoticed) {
  std::string data(100'000, 'x');
  auto packed = compress(data);
  ASSERT_TRUE(packed) << packed.error().message();
  packed->back() = static_cast<char>(packed->back() ^ 1);
  std::string back(data.size(), '\0');
  EXPECT_NE(ZSTD_isError(ZSTD_decompress(back.data(), back.size(), packed->data(), packed->size())),
            0);
}

} // namespace
} // namespace linstub::image
