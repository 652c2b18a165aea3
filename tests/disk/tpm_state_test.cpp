// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "disk/tpm_state.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace linstub::disk {
namespace {

using testing::HasSubstr;

class TpmState : public testing::Test {
protected:
  ~TpmState() override { std::filesystem::remove(path); }
  std::string error() const { return prepare_tpm_state(path).error().message(); }

  const std::string path = base::format("{}linstub-tpm-{}", testing::TempDir(), ::getpid());
};

TEST_F(TpmState, IsMadeForRootAloneAndTakenAgain) {
  ASSERT_TRUE(prepare_tpm_state(path));
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(static_cast<uint64_t>(status.st_size), tpm_state_size);
  EXPECT_GE(static_cast<uint64_t>(status.st_blocks) * 512, tpm_state_size)
      << "it may lack room later";
  EXPECT_TRUE(prepare_tpm_state(path));
}

TEST_F(TpmState, OfSwtpmIsTaken) {
  std::string state(tpm_state_size, '\0');
  state.replace(0, 9, "nilmptws\1"); // as swtpm 0.7 writes it
  ASSERT_TRUE(base::replace_file(path, state));
  EXPECT_TRUE(prepare_tpm_state(path));
}

TEST_F(TpmState, IsNotWrittenOverSomethingElse) {
  for (const size_t at :
       {size_t{510}, size_t{4096}, size_t{65536 + 64}, size_t{tpm_state_size - 1}}) {
    std::string disk(tpm_state_size, '\0'); // a partition table, RAID, btrfs
    disk[at] = 'x';
    ASSERT_TRUE(base::replace_file(path, disk));
    EXPECT_THAT(error(), HasSubstr("has something else in it")) << at;
  }
  ASSERT_TRUE(base::replace_file(path, std::string(4096, '\0')));
  EXPECT_THAT(error(), HasSubstr("has 4096 bytes, and 1048576 to 16777216 are needed"));
  std::filesystem::resize_file(path, largest_tpm_state + 1);
  EXPECT_THAT(error(), HasSubstr("has 16777217 bytes"));
}

TEST_F(TpmState, IsAFileOrABlockDevice) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(error(), HasSubstr("neither a file nor a block device"));
}

TEST_F(TpmState, LosesWhatWasKeptWhileThereWasPower) {
  std::string state(tpm_state_size, '\0');
  state.replace(0, 8, "nilmptws");
  for (size_t i = 12; i < 48; i++) // its three entries
    state[i] = 'e';
  ASSERT_TRUE(base::replace_file(path, state));
  ASSERT_TRUE(power_off_tpm(path));
  std::fill_n(state.begin() + 24, 12, '\0');
  EXPECT_EQ(base::read_file(path, 2 * tpm_state_size).value(), state);
  const std::string unused(tpm_state_size, '\0');
  ASSERT_TRUE(base::replace_file(path, unused));
  ASSERT_TRUE(power_off_tpm(path));
  EXPECT_EQ(base::read_file(path, 2 * tpm_state_size).value(), unused);
}

TEST_F(TpmState, SaysWhyItCannotBeMade) {
  const auto made = prepare_tpm_state("/no/such/directory/tpm");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(),
              HasSubstr("the guest's TPM: make /no/such/directory/tpm: No"));
}

} // namespace
} // namespace linstub::disk
