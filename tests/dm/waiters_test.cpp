// SPDX-License-Identifier: MIT
#include "dm/waiters.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Waiters, AreCalledInTheOrderInWhichTheyCameAndOnce) {
  Waiters waiters;
  std::vector<int> called;
  for (int i = 0; i < 3; i++)
    waiters.add([&called, i] { called.push_back(i); });
  waiters.tell([] { return true; });
  waiters.tell([] { return true; });
  EXPECT_THAT(called, ElementsAre(0, 1, 2));
}

TEST(Waiters, WaitOnWhileTheirOwnerIsBusy) {
  Waiters waiters;
  std::vector<std::string> called;
  bool busy = true;
  waiters.add([&] {
    called.emplace_back("first");
    busy = true;
  });
  waiters.add([&] { called.emplace_back("second"); });
  waiters.tell([&] { return !busy; });
  EXPECT_THAT(called, IsEmpty());
  busy = false;
  waiters.tell([&] { return !busy; });
  EXPECT_THAT(called, ElementsAre("first")) << "the first has made the owner busy again";
  busy = false;
  waiters.tell([&] { return !busy; });
  EXPECT_THAT(called, ElementsAre("first", "second"));
}

TEST(Waiters, MayAddOthersAndTellFromInsideACall) {
  Waiters waiters;
  std::vector<std::string> called;
  auto idle = [] { return true; };
  waiters.add([&] {
    called.emplace_back("first");
    waiters.add([&] { called.emplace_back("third"); });
    waiters.tell(idle);
  });
  waiters.add([&] { called.emplace_back("second"); });
  waiters.tell(idle);
  EXPECT_THAT(called, ElementsAre("first", "second", "third"));
}

} // namespace
} // namespace linstub::dm
