// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "run/directory.hpp"
#include "run/status.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace linstub::run {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Status, ComesBackAsItWas) {
  Status status{.guest = "g",
                .domid = xen::DomId{3},
                .stub_domain = xen::DomId{4},
                .pid = 9,
                .model_pid = 10,
                .phase = "serving",
                .image = "/i",
                .version = "1",
                .kernel = "2c3d",
                .ramdisk = "0a1b",
                .memory = 64,
                .since = 5,
                .error = "e",
                .longest_turn = {.time = std::chrono::microseconds(1234),
                                 .cpu = std::chrono::microseconds(1001)}};
  EXPECT_EQ(decode_status(encode(status)), status);
  status.stub_domain.reset();
  EXPECT_EQ(decode_status(encode(status)), status);
}

TEST(Status, HasAFileNameThatStaysInItsDirectory) {
  const std::string start = std::string(directory()) + "/";
  EXPECT_EQ(status_path("web-1"), start + "web-1.status");
  EXPECT_EQ(status_path("../x y"), start + "%2e.%2fx%20y.status");
}

TEST(Status, HasAFileNameForANameOfAnyLength) {
  std::string name;
  for (int i = 0; i < 80; i++)
    name += "\xe5\xae\xa2";
  const std::string path = status_path(name);
  EXPECT_LT(path.size() - std::string(directory()).size(), 240U);
  EXPECT_NE(path, status_path(name + "x")) << "though they begin alike";
  EXPECT_EQ(status_path(std::string(200, 'a')),
            std::string(directory()) + "/" + std::string(200, 'a') + ".status");
}

Status of(const std::string &guest, uint16_t domid) {
  return {.guest = guest, .domid = xen::DomId{domid}, .phase = "serving"};
}

class StatusFiles : public ::testing::Test {
protected:
  StatusFiles() { std::filesystem::remove_all(directory()); }
};

TEST_F(StatusFiles, TellOfAFailureForAnHour) {
  ASSERT_TRUE(write_status(of("new", 1)));
  ASSERT_TRUE(write_status(of("old", 2)));
  ASSERT_TRUE(write_status(of("alive", 3)));
  mark_failed(xen::DomId{1}, "no disk");
  mark_failed(xen::DomId{2}, "no disk");
  Status alive = of("alive", 3);
  alive.pid = ::getpid();
  ASSERT_TRUE(write_status(alive));
  const auto long_ago = std::filesystem::file_time_type::clock::now() - failure_is_shown_for -
                        std::chrono::seconds(9);
  for (const char *guest : {"old", "alive"})
    std::filesystem::last_write_time(status_path(guest), long_ago);
  auto names = [] {
    std::vector<std::string> all;
    const std::vector<Status> found = read_all_status().value();
    all.reserve(found.size());
    for (const Status &status : found)
      all.push_back(status.guest);
    return all;
  };
  EXPECT_THAT(names(), ElementsAre("alive", "new"));
  ASSERT_TRUE(clear_failed_status());
  EXPECT_THAT(names(), ElementsAre("alive"));
}

TEST_F(StatusFiles, OfAnotherLinstubDmAreLeftAlone) {
  Status former = of("g", 1);
  former.pid = 7;
  Status next = of("g", 2);
  next.pid = 8;
  ASSERT_TRUE(write_status(next));
  remove_status(former);
  EXPECT_EQ(read_all_status().value().size(), 1U);
  remove_status(next);
  EXPECT_THAT(read_all_status().value(), IsEmpty());
}

TEST_F(StatusFiles, AreReadSortedByNameAndRemoved) {
  EXPECT_THAT(read_all_status().value(), IsEmpty()) << "there is no directory yet";
  ASSERT_TRUE(write_status(of("b", 2)));
  ASSERT_TRUE(write_status(of("a", 1)));
  EXPECT_THAT(read_all_status().value(), ElementsAre(of("a", 1), of("b", 2)));
  remove_status("a");
  EXPECT_THAT(read_all_status().value(), ElementsAre(of("b", 2)));
}

TEST_F(StatusFiles, AreLeftOutIfTheyAreNotToBeUnderstood) {
  ASSERT_TRUE(write_status(of("a", 1)));
  ASSERT_TRUE(base::replace_file(status_path("torn"), "{\"guest\":"));
  ASSERT_TRUE(base::replace_file(std::string(directory()) + "/1-control", ""));
  EXPECT_THAT(read_all_status().value(), ElementsAre(of("a", 1)));
}

TEST_F(StatusFiles, SayThatTheirLinstubDmIsDeadButKeepAnEarlierReason) {
  Status failed = of("b", 2);
  failed.phase = "failed";
  failed.error = "the first reason";
  ASSERT_TRUE(write_status(of("a", 1)));
  ASSERT_TRUE(write_status(failed));
  mark_failed(xen::DomId{1}, "linstub-dm has died");
  mark_failed(xen::DomId{2}, "linstub-dm has died");
  auto all = read_all_status();
  ASSERT_THAT(all.value(), testing::SizeIs(2));
  EXPECT_EQ(all->front().phase, "failed");
  EXPECT_EQ(all->front().error, "linstub-dm has died");
  EXPECT_EQ(all->back(), failed);
}

} // namespace
} // namespace linstub::run
