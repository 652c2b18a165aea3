// SPDX-License-Identifier: MIT
#include "dm/fd_sets.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

namespace linstub::dm {
namespace {

base::Fd null() { return base::open_file("/dev/null", O_RDONLY).value_or(base::Fd()); }

TEST(FdSets, FindWhatWasAddedByItsPath) {
  FdSets sets;
  auto first = sets.add(null(), "raw:/image");
  auto second = sets.add(null(), "");
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  auto found = sets.find(base::format("/dev/fdset/{}", *first));
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->opaque, "raw:/image");
}

TEST(FdSets, RefusePathsThatNameNoSet) {
  FdSets sets;
  ASSERT_TRUE(sets.add(null(), ""));
  for (const char *path : {"", "/dev/fdset/", "/dev/fdset/2", "/dev/fdset/01", "/dev/fdset/-1",
                           "/dev/fdset/1/..", "/etc/passwd", "/dev/fdset/99999999999999999999"})
    EXPECT_FALSE(sets.find(path)) << path;
}

TEST(FdSets, ForgetWhatIsRemovedAndSaySoTheSecondTime) {
  FdSets sets;
  auto number = sets.add(null(), "");
  ASSERT_TRUE(number);
  EXPECT_TRUE(sets.remove(*number));
  EXPECT_FALSE(sets.remove(*number));
}

TEST(FdSets, AreBounded) {
  FdSets sets;
  for (size_t i = 0; i < 3 * FdSets::most; i++)
    ASSERT_TRUE(sets.add(null(), ""));
  EXPECT_FALSE(sets.find("/dev/fdset/1"));
  EXPECT_TRUE(sets.find(base::format("/dev/fdset/{}", 3 * FdSets::most)));
}

} // namespace
} // namespace linstub::dm
