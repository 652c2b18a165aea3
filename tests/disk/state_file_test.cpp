// SPDX-License-Identifier: MIT
// The file behind a state disk.
#include "disk/saved_state.hpp"
#include "disk/state_file.hpp"
#include "disk/state_files.hpp"
#include "wire/state_record.hpp"

#include <sys/stat.h>

#include <filesystem>

namespace linstub::disk {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(StateFile, IsSparseAndGoesWithItsObject) {
  std::string path;
  {
    auto file = StateFile::make(guest);
    ASSERT_TRUE(file) << file.error().message();
    path = file->path();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_TRUE(S_ISREG(status.st_mode));
    EXPECT_EQ(static_cast<uint64_t>(status.st_size), wire::state_disk_size);
    EXPECT_LT(status.st_blocks, 64);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    StateFile moved = std::move(*file);
    EXPECT_EQ(moved.path(), path);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

// What `losetup -a` shows, and what finds one that was left behind.
TEST(StateFile, LiesInNoDirectoryAndSaysWhoseItIs) {
  auto file = StateFile::make(guest);
  ASSERT_TRUE(file);
  EXPECT_THAT(std::filesystem::read_symlink(file->path()).string(),
              StartsWith(base::format("/memfd:linstub-state-{}", guest)));
}

// A hostile stub domain writes to all of its disk, and dom0 has lost so much and no more.
TEST(StateFile, CannotGrow) {
  auto file = StateFile::make(guest);
  ASSERT_TRUE(file);
  auto other = base::open_file(file->path(), O_RDWR);
  ASSERT_TRUE(other);
  EXPECT_LE(wire::state_disk_size, uint64_t{64} << 20);
  const auto end = static_cast<off_t>(wire::state_disk_size);
  EXPECT_EQ(::pwrite(other->get(), "x", 1, end - 1), 1);
  EXPECT_EQ(::pwrite(other->get(), "x", 1, end), -1);
  EXPECT_EQ(::ftruncate(other->get(), end + 1), -1);
  EXPECT_EQ(::ftruncate(other->get(), 0), -1) << "nor end before the loop device does";
}

TEST(StateFile, TakesASavedStateWithTheHeaderAndWithout) {
  for (const std::string &start : {std::string(), header()}) {
    auto file = StateFile::fill(guest, memory(start + "QEVM and so on"));
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(state_in(*file), "QEVM and so on");
  }
}

TEST(StateFile, KnowsWhatQemuMentionsInIt) {
  const std::string piece(size_t{256} << 10, 'a'); // as much as is looked at in one go
  auto file = StateFile::fill(guest, memory(piece.substr(5) + "tpm-emulator" + piece + "end"));
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_TRUE(file->mentions("tpm-emulator").value()) << "on both sides of a piece's end";
  EXPECT_TRUE(file->mentions("end").value());
  EXPECT_FALSE(file->mentions("tpm-emulators").value());
  EXPECT_FALSE(StateFile::make(guest).value().mentions("tpm-emulator")) << "it has no state";
}

TEST(StateFile, RefusesASavedStateOfAnotherVersion) {
  std::string other = header();
  other[8] = 7;
  auto file = StateFile::fill(guest, memory(other + "QEVM"));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("format 7"));
}

TEST(StateFile, RefusesAnEmptySavedState) {
  for (const std::string &start : {std::string(), header()}) {
    auto file = StateFile::fill(guest, memory(start));
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().message(), HasSubstr("empty"));
  }
}

TEST(StateFile, TakesTheLongestStateAndRefusesALongerOne) {
  base::Fd source = memory("");
  for (const std::string &start : {std::string(), header()}) {
    ASSERT_EQ(::ftruncate(source.get(), 0), 0);
    ASSERT_TRUE(base::write_all(source, start));
    const auto length = static_cast<off_t>(start.size() + wire::longest_state);
    ASSERT_EQ(::ftruncate(source.get(), length), 0);
    ::lseek(source.get(), 0, SEEK_SET);
    EXPECT_TRUE(StateFile::fill(guest, source));
    ASSERT_EQ(::ftruncate(source.get(), length + 1), 0);
    ::lseek(source.get(), 0, SEEK_SET);
    auto file = StateFile::fill(guest, source);
    ASSERT_FALSE(file);
    EXPECT_THAT(file.error().message(), HasSubstr("longer than the"));
    ::lseek(source.get(), 0, SEEK_SET);
  }
}

// A pipe could keep linstub-dm waiting for ever.
TEST(StateFile, TakesNothingButAFile) {
  auto pipe = base::make_pipe();
  ASSERT_TRUE(pipe);
  auto file = StateFile::fill(guest, pipe->read);
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("not in a file"));
}

} // namespace
} // namespace linstub::disk
