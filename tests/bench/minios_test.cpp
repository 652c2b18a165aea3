// SPDX-License-Identifier: MIT
#include "bench/minios.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace linstub::bench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MiniOs : public testing::Test {
protected:
  MiniOs() : directory_(fs::path(testing::TempDir()) / "linstub-bench-minios") {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  ~MiniOs() override { fs::remove_all(directory_); }
  void make(const char *name) { std::ofstream(directory_ / name) << "x"; }

  fs::path directory_;
};

TEST_F(MiniOs, WithoutADirectoryItIsSaidWhatToGive) {
  EXPECT_THAT(check_minios("").error().message(), HasSubstr("--minios"));
}

TEST_F(MiniOs, AFileThatIsMissingIsNamedWithWhatItIs) {
  EXPECT_THAT(check_minios(directory_).error().message(),
              HasSubstr("ioemu-stubdom.gz is not there: the stub domain"));
  make("ioemu-stubdom.gz");
  EXPECT_THAT(check_minios(directory_).error().message(), HasSubstr("--enable-rombios"));
  make("hvmloader");
  EXPECT_THAT(check_minios(directory_).error().message(), HasSubstr("qemu-dm is not there"));
  make("qemu-dm");
  EXPECT_TRUE(check_minios(directory_));
}

} // namespace
} // namespace linstub::bench
