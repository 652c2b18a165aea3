// SPDX-License-Identifier: MIT
#include "disk/disk_image.hpp"
#include "disk/disk_size.hpp"
#include "disk/qcow2_header.hpp"
#include "fake/size_record.hpp"
#include "run/directory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

namespace linstub::disk {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr uint64_t gibibyte = uint64_t{1} << 30;
constexpr uint64_t largest = 2048 * gibibyte;

class DiskImage : public testing::Test {
protected:
  DiskImage() {
    fake::size_records() = {};
    EXPECT_TRUE(run::make_directory());
    header(20 * gibibyte);
  }
  // As a new image, or as a guest leaves it: nothing of the file but its header changes.
  void header(uint64_t size) const {
    const std::string text = TestHeader(size).text();
    base::Fd file = base::open_file(path, O_RDWR | O_CREAT).value();
    ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  [[nodiscard]] std::string refusal(Disk disk = {}) const {
    auto prepared = prepare(std::move(disk));
    return prepared ? "no error" : prepared.error().message();
  }
  [[nodiscard]] base::Result<> prepare(Disk disk = {}) const {
    disk.path = path;
    disk.format = DiskFormat::qcow2;
    return prepare_disk(disk, largest);
  }
  [[nodiscard]] uint64_t length() const { return look().st_size; }
  [[nodiscard]] uint64_t blocks() const { return look().st_blocks; }
  [[nodiscard]] struct stat look() const {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status;
  }
  // What is on record for the image; 0 if nothing is.
  [[nodiscard]] uint64_t record() const {
    auto &sizes = fake::size_records().sizes;
    auto found = sizes.find(look().st_ino);
    return found == sizes.end() ? 0 : found->second;
  }
  void set_record(uint64_t size) const { fake::size_records().sizes[look().st_ino] = size; }

  const std::string path = std::string(run::directory()) + "/image.qcow2";

  void TearDown() override { ::unlink(path.c_str()); }
};

TEST_F(DiskImage, OfANewGuestGetsRoomForItsDiskAndARecordOfItsSize) {
  ASSERT_TRUE(prepare()) << refusal();
  EXPECT_EQ(length(), file_size_for(20 * gibibyte));
  EXPECT_EQ(record(), 20 * gibibyte);
  EXPECT_LE(blocks(), 16U) << "a hole";
  ASSERT_TRUE(prepare()) << "the next time";
  EXPECT_EQ(length(), file_size_for(20 * gibibyte));
}

// QEMU has written it, in the stub domain, at the guest's wish.
TEST_F(DiskImage, WhoseHeaderAsksForMoreThanItHadIsRefusedAndStaysAsItIs) {
  ASSERT_TRUE(prepare());
  const uint64_t before = length();
  for (const uint64_t more : {20 * gibibyte + 1, 21 * gibibyte, 65536 * gibibyte}) {
    header(more);
    EXPECT_THAT(refusal(), AllOf(HasSubstr(path), HasSubstr(size_text(more)), HasSubstr("20 GiB"),
                                 HasSubstr("linstub disk-size IMAGE SIZE")));
    EXPECT_EQ(length(), before);
    EXPECT_EQ(record(), 20 * gibibyte);
  }
}

TEST_F(DiskImage, ThatAnAdministratorHasResizedIsServedWhenTheRecordSaysSo) {
  ASSERT_TRUE(prepare());
  header(40 * gibibyte);
  ASSERT_FALSE(prepare());
  const base::Fd image = base::open_file(path, O_RDWR).value();
  const auto sizes = size_of_image(image);
  ASSERT_TRUE(sizes);
  EXPECT_EQ(sizes->asked, 40 * gibibyte);
  EXPECT_EQ(sizes->recorded, 20 * gibibyte);
  const auto too_small = allow_size(image, 30 * gibibyte);
  ASSERT_FALSE(too_small);
  EXPECT_THAT(too_small.error().message(), AllOf(HasSubstr("40 GiB"), HasSubstr("more than 30 GiB"),
                                                 HasSubstr("say how large")));
  EXPECT_EQ(record(), 20 * gibibyte);
  ASSERT_TRUE(allow_size(image, 40 * gibibyte));
  ASSERT_TRUE(prepare()) << refusal();
  EXPECT_EQ(length(), file_size_for(40 * gibibyte));
}

TEST_F(DiskImage, ThatShrinksKeepsItsLengthAndItsRecord) {
  ASSERT_TRUE(prepare());
  header(gibibyte);
  ASSERT_TRUE(prepare()) << refusal();
  EXPECT_EQ(length(), file_size_for(20 * gibibyte));
  EXPECT_EQ(record(), 20 * gibibyte);
}

TEST_F(DiskImage, MayNotAskForMoreThanTheHostAllowsWithoutARecord) {
  header(largest + 1);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("largest-disk"), HasSubstr("2 TiB"), HasSubstr("linstub disk-size")));
  EXPECT_EQ(length(), TestHeader().text().size());
  EXPECT_EQ(record(), 0U);
  set_record(largest + gibibyte);
  EXPECT_TRUE(prepare()) << refusal();
  header(largest);
  fake::size_records() = {};
  EXPECT_TRUE(prepare()) << refusal();
}

// It is long enough as it is; what its guest asks for later must still have something to be
// compared with.
TEST_F(DiskImage, ThatIsLongEnoughHasItsSizePutOnRecordToo) {
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(30 * gibibyte)), 0);
  ASSERT_TRUE(prepare()) << refusal();
  EXPECT_EQ(length(), 30 * gibibyte);
  EXPECT_EQ(record(), 20 * gibibyte);
}

// The header says how many there are, and the guest can write it: no room is made for them.
TEST_F(DiskImage, WithSnapshotsIsServedAndMadeNoLongerForThem) {
  const std::string text = TestHeader(20 * gibibyte).put<uint32_t>(60, 0xffffffff).text();
  base::Fd file = base::open_file(path, O_RDWR).value();
  ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  ASSERT_TRUE(prepare()) << refusal();
  EXPECT_EQ(length(), file_size_for(20 * gibibyte));
}

TEST_F(DiskImage, IsNeverMadeLongerWhereNothingCanBePutOnRecord) {
  fake::size_records().refuses = EOPNOTSUPP;
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("not supported"),
                    HasSubstr("truncate -s " + std::to_string(file_size_for(20 * gibibyte)))));
  EXPECT_EQ(length(), TestHeader().text().size());
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(file_size_for(20 * gibibyte))), 0);
  EXPECT_TRUE(prepare()) << refusal();
  header(21 * gibibyte);
  EXPECT_FALSE(prepare());
}

TEST_F(DiskImage, ThatIsReadOnlyIsLookedAtAndLeftAlone) {
  ASSERT_TRUE(prepare({.mode = DiskMode::read_only}));
  EXPECT_EQ(length(), TestHeader().text().size());
  EXPECT_EQ(record(), 0U);
  base::Fd file = base::open_file(path, O_RDWR).value();
  const std::string text = TestHeader().put<uint64_t>(8, 200).text();
  ASSERT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  EXPECT_THAT(refusal({.mode = DiskMode::read_only}), HasSubstr("a backing file"));
}

TEST_F(DiskImage, ThatIsNoImageIsRefused) {
  ASSERT_EQ(::truncate(path.c_str(), 103), 0);
  EXPECT_THAT(refusal(), HasSubstr("too short"));
  EXPECT_THAT(prepare_disk({.path = "/dev/null"}, largest).error().message(),
              HasSubstr("neither a file nor a block device"));
  EXPECT_THAT(prepare_disk({.path = "/nonexistent"}, largest).error().message(),
              HasSubstr("/nonexistent"));
}

TEST(FileSize, HasRoomForTheTablesOfTheSmallestClusters) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, gibibyte, 2048 * gibibyte}) {
    const uint64_t clusters = size / 512 + 1;
    const uint64_t tables = clusters * 16; // L2 entries and the widest refcounts
    const uint64_t above = tables / 64 + 4096;
    EXPECT_GE(file_size_for(size), size + tables + above) << size;
    EXPECT_EQ(file_size_for(size) % 512, 0U);
  }
  EXPECT_GT(file_size_for(most_bytes), most_bytes) << "no overflow";
  EXPECT_LT(file_size_for(most_bytes), uint64_t{1} << 63);
}

} // namespace
} // namespace linstub::disk
