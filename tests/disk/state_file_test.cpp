// SPDX-License-Identifier: MIT
// The file behind a state disk.
#include "disk/state_file.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace linstub::disk {
namespace {

using ::testing::HasSubstr;

constexpr xen::DomId guest{32700};

base::Fd memory(std::string_view content) {
  base::Fd fd(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_TRUE(base::write_all(fd, content));
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

std::string content_of(const base::Fd &fd) {
  struct stat status{};
  ::fstat(fd.get(), &status);
  std::string text(static_cast<size_t>(status.st_size), '\0');
  EXPECT_EQ(::pread(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return text;
}

TEST(StateFile, GivesBackQemusBytesAndNothingElse) {
  std::string state(700'001, 'q');
  auto file = StateFile::fill(guest, memory(state));
  ASSERT_TRUE(file) << file.error().message();
  base::Fd target = memory(std::string(2'000'000, 'x')); // longer, from a save before
  auto copied = file->copy_to(target);
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(*copied, state.size());
  EXPECT_EQ(content_of(target), state);
}

TEST(StateFile, IsSparseAndGoesWithItsObject) {
  std::string path;
  {
    auto file = StateFile::make(guest);
    ASSERT_TRUE(file) << file.error().message();
    path = file->path();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(static_cast<uint64_t>(status.st_size), wire::state_disk_size);
    EXPECT_LT(status.st_blocks, 64);
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(StateFile, RefusesWhatAStubDomainHasNotFinishedOrHasDamaged) {
  auto empty = StateFile::make(guest);
  ASSERT_TRUE(empty);
  auto checked = empty->check();
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message(), HasSubstr("no complete state"));

  auto file = StateFile::fill(guest, memory("device state"));
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->check());
  auto raw = base::open_file(file->path(), O_RDWR);
  ASSERT_TRUE(raw);
  ASSERT_EQ(::pwrite(raw->get(), "X", 1, static_cast<off_t>(wire::state_offset) + 3), 1);
  base::Fd target = memory("");
  auto copied = file->copy_to(target);
  ASSERT_FALSE(copied);
  EXPECT_THAT(copied.error().message(), HasSubstr("damaged"));
}

TEST(StateFile, RefusesAnEmptySavedState) {
  auto file = StateFile::fill(guest, memory(""));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("empty"));
}

TEST(StateFile, SaysThatTheTargetIsFull) {
  auto file = StateFile::fill(guest, memory("device state"));
  ASSERT_TRUE(file);
  auto full = base::open_file("/dev/full", O_WRONLY);
  ASSERT_TRUE(full);
  auto copied = file->copy_to(*full);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code(), ENOSPC);
}

} // namespace
} // namespace linstub::disk
