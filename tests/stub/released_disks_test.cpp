// SPDX-License-Identifier: MIT
#include "stub/released_disks.hpp"

#include <gmock/gmock.h>

#include <set>
#include <utility>
#include <vector>

namespace linstub::stub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Names = std::vector<std::string>;

class ReleasedDisksTest : public testing::Test {
protected:
  Names released(uint64_t serial, const Names &asked) {
    const wire::LeavingDisks answer = disks.look({.serial = serial, .names = asked});
    EXPECT_EQ(answer.serial, serial);
    return answer.names;
  }
  void all_written() {
    for (const auto &written : std::exchange(writing, {}))
      written();
  }

  std::set<std::string> open; // by QEMU
  std::set<std::string> watched;
  std::vector<std::function<void()>> writing;
  bool there = true;
  ReleasedDisks disks{{.has_open = [this](const std::string &path) -> base::Result<bool> {
                         return open.contains(path);
                       },
                       .watch = [this](const std::string &path) -> base::Result<> {
                         if (!there)
                           return base::fail_errno(ENOENT, "watch {}", path);
                         watched.insert(path);
                         return {};
                       },
                       .unwatch = [this](const std::string &path) { watched.erase(path); },
                       .write_back = [this](const std::string &path,
                                            std::function<void()> written) -> base::Result<> {
                         if (!there)
                           return base::fail_errno(ENOENT, "open {}", path);
                         writing.push_back(std::move(written));
                         return {};
                       }}};
};

TEST_F(ReleasedDisksTest, ADiskMayGoWhenQemuHasClosedItAndItIsWrittenBack) {
  open = {"/dev/xvda", "/dev/xvdb"};
  EXPECT_THAT(released(1, {"xvdb"}), IsEmpty());
  EXPECT_THAT(watched, ElementsAre("/dev/xvdb"));
  open.erase("/dev/xvdb");
  EXPECT_THAT(released(1, {"xvdb"}), IsEmpty()) << "it is being written back";
  EXPECT_THAT(watched, IsEmpty());
  all_written();
  EXPECT_THAT(released(1, {"xvdb"}), ElementsAre("xvdb"));
  EXPECT_THAT(writing, IsEmpty()) << "once";
}

TEST_F(ReleasedDisksTest, EachDiskGoesByItself) {
  open = {"/dev/xvda"};
  released(1, {"xvda", "xvdb"});
  all_written();
  EXPECT_THAT(released(1, {"xvda", "xvdb"}), ElementsAre("xvdb"));
  EXPECT_THAT(released(2, {"xvda"}), IsEmpty());
  open.clear();
  released(2, {"xvda"});
  all_written();
  EXPECT_THAT(released(2, {"xvda"}), ElementsAre("xvda"));
}

TEST_F(ReleasedDisksTest, AnotherDiskOfTheNameIsAnotherOne) {
  released(1, {"xvdb"});
  const auto late = std::exchange(writing, {});
  EXPECT_THAT(released(2, {}), IsEmpty());
  open = {"/dev/xvdb"};
  EXPECT_THAT(released(3, {"xvdb"}), IsEmpty());
  late.front()();
  EXPECT_THAT(released(3, {"xvdb"}), IsEmpty()) << "that was the one before";
  released(4, {});
  EXPECT_THAT(watched, IsEmpty());
}

TEST_F(ReleasedDisksTest, ADiskThatIsNotThereMayGo) {
  there = false;
  EXPECT_THAT(released(1, {"xvdb"}), ElementsAre("xvdb"));
}

TEST_F(ReleasedDisksTest, WhatIsNoDiskMayNot) {
  EXPECT_THAT(released(1, {"mem", "../etc", "xvdb1"}), IsEmpty());
  EXPECT_THAT(watched, IsEmpty());
}

TEST_F(ReleasedDisksTest, ThereIsAnAnswerBeforeAQuestion) {
  EXPECT_EQ(wire::encode(disks.look({})), "0");
}

} // namespace
} // namespace linstub::stub
