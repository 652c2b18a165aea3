// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "disk/tpm_state.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

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
  EXPECT_EQ(status.st_blocks, 0) << "a hole";
  EXPECT_TRUE(prepare_tpm_state(path));
}

TEST_F(TpmState, OfSwtpmIsTaken) {
  std::string state(tpm_state_size, '\0');
  state.replace(0, 9, "nilmptws\1"); // as swtpm 0.7 writes it
  ASSERT_TRUE(base::replace_file(path, state));
  EXPECT_TRUE(prepare_tpm_state(path));
}

TEST_F(TpmState, IsNotWrittenOverSomethingElse) {
  std::string disk(tpm_state_size, '\0');
  disk.replace(510, 2, "\x55\xaa");
  ASSERT_TRUE(base::replace_file(path, disk));
  EXPECT_THAT(error(), HasSubstr("has something else in it"));
  ASSERT_TRUE(base::replace_file(path, std::string(4096, '\0')));
  EXPECT_THAT(error(), HasSubstr("has 4096 bytes, and 1048576 are needed"));
}

TEST_F(TpmState, SaysWhyItCannotBeMade) {
  const auto made = prepare_tpm_state("/no/such/directory/tpm");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(),
              HasSubstr("the guest's TPM: make /no/such/directory/tpm: No"));
}

} // namespace
} // namespace linstub::disk
