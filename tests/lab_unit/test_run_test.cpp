// SPDX-License-Identifier: MIT
// With a shell script in place of the scenarios: no lab is started.
#include "base/fd.hpp"
#include "lab/test_run.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace linstub::lab {
namespace {
namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::StartsWith;

class TestRunTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/test-run-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    fs::create_directories(directory_ / "config/lab");
    ::setenv("LINSTUB_CACHE", (directory_ / "cache").c_str(), 1);
  }
  void TearDown() override { fs::remove_all(directory_); }

  // A program with six warm scenarios and one of the other shape. `body` is what it does to run
  // them: in it $lab is the lab's name, $shape the shape.
  TestRunOptions program(const std::string &body) {
    const fs::path path = directory_ / "scenarios";
    const std::string text = R"sh(#!/bin/sh
for word; do
  case $last in --shape) shape=$word ;; --lab) lab=$word ;; esac
  case $word in --gtest_list_tests) list=1 ;; --gtest_filter=*) filter=${word#*=} ;; esac
  last=$word
done
if [ -n "$list" ]; then
  case ${filter:-$shape} in
    warm) printf 'W.\n  a\n  b\n  c\n  d\n  e\n  f\n' ;;
    iommu) printf 'Pci.\n  g\n' ;;
    libvirt | counted) ;;
    *) printf 'W.\n  a\n  b\n' ;;
  esac
  exit
fi
)sh" + body;
    EXPECT_TRUE(base::replace_file(path, text, 0755));
    return {.program = path, .config = directory_ / "config"};
  }

  std::string said(const char *file) {
    return base::read_file(directory_ / file, 10'000).value_or("");
  }

  fs::path directory_;
};

TEST_F(TestRunTest, RunsEachPartOnceAndReturnsTheWorstStatus) {
  TestRunOptions options =
      program("echo $lab $shape $GTEST_SHARD_INDEX of $GTEST_TOTAL_SHARDS $LINSTUB_ROUNDS >> " +
              (directory_ / "parts").string() +
              "\n[ $shape != iommu ] || exit 69\n[ $GTEST_SHARD_INDEX != 3 ] || exit 1\n");
  options.count = 1;
  options.environment = {"LINSTUB_ROUNDS=7"};
  auto run = run_scenarios(options);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->status, 69);
  EXPECT_THAT(run->summary, StartsWith("7 scenarios: 0 passed, 0 failed, 0 skipped, 7 not run"));
  EXPECT_EQ(said("parts"), "test-1 iommu 0 of 1 7\n"
                           "test-1 warm 0 of 5 7\n"
                           "test-1 warm 1 of 5 7\n"
                           "test-1 warm 2 of 5 7\n"
                           "test-1 warm 3 of 5 7\n"
                           "test-1 warm 4 of 5 7\n");
}

TEST_F(TestRunTest, ShowsTheLinesOfSeveralLabsAndReadsThem) {
  // Each waits for the other: they do run at once.
  TestRunOptions options =
      program("cd " + directory_.string() +
              "\ntouch $lab; while ! [ -e test-1 -a -e test-2 ]; do sleep 0.01; done\n"
              "echo \"[ RUN      ] W.$GTEST_SHARD_INDEX\"\n"
              "echo \"[       OK ] W.$GTEST_SHARD_INDEX (1 ms)\" >&2\n"
              "printf 'no end of line'\n");
  options.shape = Shape::warm;
  options.count = 2;
  ::testing::internal::CaptureStdout();
  auto run = run_scenarios(options);
  const std::string shown = ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->status, 0);
  EXPECT_THAT(run->summary, StartsWith("6 scenarios: 5 passed, 0 failed, 0 skipped, 1 not run"));
  EXPECT_THAT(shown, HasSubstr("lab 1: [ RUN      ] W."));
  EXPECT_THAT(shown, HasSubstr("lab 2: no end of line\n"));
}

TEST_F(TestRunTest, AFilterTakesOfEachShapeWhatItNames) {
  TestRunOptions options = program("echo $shape $filter $GTEST_TOTAL_SHARDS >> " +
                                   (directory_ / "parts").string() + "\n");
  options.filter = "*.[ab]";
  options.count = 1;
  auto run = run_scenarios(options);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(said("parts"), "warm W.a:W.b 2\nwarm W.a:W.b 2\n");
  options.shape = Shape::iommu;
  EXPECT_FALSE(run_scenarios(options)) << "there is none of this shape";
}

TEST_F(TestRunTest, OnARealHostThereIsOnePartAndNoLab) {
  TestRunOptions options =
      program("echo \"$@\" $GTEST_TOTAL_SHARDS >> " + (directory_ / "parts").string() + "\n");
  options.host = "root@xen";
  auto run = run_scenarios(options);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(said("parts"),
            "--config " + options.config.string() + " --shape warm --host root@xen 1\n");
}

TEST_F(TestRunTest, OnALabThatIsNotUpIsAnError) {
  TestRunOptions options = program("");
  options.lab = "none";
  auto run = run_scenarios(options);
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error().message(), HasSubstr("lab none is not up"));
}

TEST_F(TestRunTest, ASignalEndsTheProgramsAndAllThatTheyHaveStarted) {
  TestRunOptions options = program("kill -INT " + std::to_string(::getpid()) + "\nsleep 1000\n");
  options.count = 2;
  auto run = run_scenarios(options);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->status, 130);
}

TEST_F(TestRunTest, AProgramThatCrashesIsAFailure) {
  TestRunOptions options = program("echo '[ RUN      ] Pci.g'\nkill -SEGV $$\n");
  options.shape = Shape::iommu;
  auto run = run_scenarios(options);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->status, 128 + SIGSEGV);
  EXPECT_THAT(run->summary, HasSubstr("failed: Pci.g did not come to its end"));
}

} // namespace
} // namespace linstub::lab
