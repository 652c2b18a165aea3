// SPDX-License-Identifier: MIT
#include "fake/xenstore.hpp"
#include "xen/xenstore.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include <array>
#include <thread>

namespace linstub::xen {
namespace {

using fake::Request;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

bool readable(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, 0) == 1;
}

class XenstoreTest : public ::testing::Test {
protected:
  // All events that are there now, as "path token".
  std::vector<std::string> events() {
    std::vector<std::string> all;
    for (;;) {
      auto event = client.next_event();
      if (!event)
        all.push_back(event.error().message());
      if (!event || !*event)
        return all;
      all.push_back((*event)->path + ' ' + (*event)->token);
    }
  }

  fake::Xenstore store{DomId{7}};
  Xenstore client = Xenstore::connect().value();
};

TEST_F(XenstoreTest, ReadsAValueWithinItsBound) {
  store.write("/a/b", "four");
  EXPECT_EQ(client.read("/a/b"), "four");
  EXPECT_EQ(client.read("/a/b", 4), "four");
  EXPECT_EQ(client.read("/a"), "");
  auto longer = client.read("/a/b", 3);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code(), EMSGSIZE);
  EXPECT_EQ(longer.error().message(),
            "read xenstore node /a/b: its 4 bytes are more than the 3 allowed");
}

TEST_F(XenstoreTest, TellsANodeThatIsNotThereFromOneThatCannotBeRead) {
  auto absent = client.read("/a");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code(), ENOENT);
  EXPECT_EQ(client.read_if_there("/a").value(), std::nullopt);
  EXPECT_THAT(client.list_if_there("/a").value(), IsEmpty());
  EXPECT_EQ(client.list("/a").error().code(), ENOENT);
  store.write("/a", "x");
  store.fail(Request::read, "/a", EACCES);
  auto denied = client.read_if_there("/a");
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code(), EACCES);
  EXPECT_EQ(denied.error().message(), "read xenstore node /a: Permission denied");
  store.fail(Request::list, "/a", EACCES);
  EXPECT_EQ(client.list_if_there("/a").error().code(), EACCES);
}

TEST_F(XenstoreTest, RelativePathsAreThoseOfTheOwnDomain) {
  store.write("/local/domain/7/name", "guest");
  EXPECT_EQ(client.read("name"), "guest");
  ASSERT_TRUE(client.write("data/linstub/state", "booting"));
  EXPECT_EQ(store.read("/local/domain/7/data/linstub/state"), "booting");
}

TEST_F(XenstoreTest, ReadsNumbersStrictly) {
  store.write("/n", "41");
  EXPECT_EQ(client.read_number("/n", 41), 41U);
  EXPECT_FALSE(client.read_number("/n", 40));
  store.write("/n", "041");
  auto wrong = client.read_number("/n", 100);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("/n"));
}

TEST_F(XenstoreTest, ListsChildrenOnlyAndNotTooMany) {
  store.write("/a/b/c", "");
  store.write("/a/d", "");
  store.write("/ab", "");
  EXPECT_THAT(client.list("/a").value(), UnorderedElementsAre("b", "d"));
  EXPECT_THAT(client.list("/a/d").value(), IsEmpty());
  EXPECT_EQ(client.list("/a", 1).error().code(), EMSGSIZE);
}

TEST_F(XenstoreTest, WritesAnyBytes) {
  using namespace std::string_literals;
  ASSERT_TRUE(client.write("/a/b", "x\0y"s));
  EXPECT_EQ(store.read("/a/b"), "x\0y"s);
  auto huge = client.write("/a/b", std::string(longest_value, 'x'));
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().code(), E2BIG);
  EXPECT_EQ(client.read("/a/b"), "x\0y"s);
}

TEST_F(XenstoreTest, WritesManyNodesAtOnceAndNamesTheFirstThatFails) {
  Xenstore::Nodes nodes;
  for (int i = 0; i < 40; i++)
    nodes.emplace_back(base::format("n{}", i), base::format("v{}", i));
  ASSERT_TRUE(client.write_all("/all", nodes));
  EXPECT_EQ(store.list("/all").size(), 40U);
  EXPECT_EQ(store.read("/all/n39"), "v39");
  store.fail(Request::write, "/all/n18", EACCES);
  store.fail(Request::write, "/all/n17", ENOSPC);
  auto failed = client.write_all("/all", nodes);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "write xenstore node /all/n17: No space left on device");
  EXPECT_EQ(client.read("/all/n0"), "v0"); // and the answers are not mixed up
}

TEST_F(XenstoreTest, RemovesANodeAndAllBelowIt) {
  store.write("/a/b/c", "x");
  ASSERT_TRUE(client.remove("/a/b"));
  EXPECT_EQ(store.read("/a/b/c"), std::nullopt);
  EXPECT_EQ(store.read("/a"), "");
  EXPECT_TRUE(client.remove("/a/b"));
  EXPECT_TRUE(client.remove("/x/y/z"));
  store.fail(Request::remove, "/a", EPERM);
  EXPECT_EQ(client.remove("/a").error().message(),
            "remove xenstore node /a: Operation not permitted");
}

TEST_F(XenstoreTest, ADirectoryHasAnOwnerAndAReaderAndSoHasWhatIsMadeInIt) {
  ASSERT_TRUE(client.make_directory("/dev", DomId{5}, DomId{7}));
  ASSERT_TRUE(client.write("/dev/state", "1"));
  EXPECT_EQ(store.permissions("/dev"), "n5 r7");
  EXPECT_EQ(store.permissions("/dev/state"), "n5 r7");
  const std::array all{Permission{.domid = dom0, .access = Access::both},
                       Permission{.domid = DomId{5}, .access = Access::write}};
  ASSERT_TRUE(client.set_permissions("/dev", all));
  EXPECT_EQ(store.permissions("/dev"), "b0 w5");
}

TEST_F(XenstoreTest, ATransactionIsSeenWholeOrNotAtAll) {
  ASSERT_TRUE(client.transaction([&]() -> base::Result<> {
    TRY(client.write("/a", "1"));
    EXPECT_EQ(client.read("/a"), "1");
    EXPECT_EQ(store.read("/a"), std::nullopt);
    return client.write("/b", "2");
  }));
  EXPECT_EQ(store.read("/a"), "1");
  EXPECT_EQ(store.read("/b"), "2");
  auto abandoned = client.transaction([&]() -> base::Result<> {
    TRY(client.remove("/a"));
    return base::fail("no more of it");
  });
  ASSERT_FALSE(abandoned);
  EXPECT_EQ(abandoned.error().message(), "no more of it");
  EXPECT_EQ(store.read("/a"), "1");
  EXPECT_EQ(client.read("/a"), "1"); // outside of the transaction again
}

TEST_F(XenstoreTest, ATransactionIsRunAgainWhenSomebodyElseWasFaster) {
  store.write("/count", "1");
  int tries = 0;
  store.before_end_of_transaction([&] { store.write("/count", "10"); });
  ASSERT_TRUE(client.transaction([&]() -> base::Result<> {
    tries++;
    uint64_t count = TRY(client.read_number("/count", 100));
    return client.write("/count", std::to_string(count + 1));
  }));
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(store.read("/count"), "11");
}

TEST_F(XenstoreTest, ATransactionIsNotTriedForEver) {
  for (int i = 0; i < Xenstore::most_tries; i++)
    store.fail(Request::end_transaction, "", EAGAIN);
  int tries = 0;
  auto done = client.transaction([&]() -> base::Result<> {
    tries++;
    return client.write("/a", "1");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), EAGAIN);
  EXPECT_EQ(tries, Xenstore::most_tries);
  store.fail(Request::end_transaction, "", EACCES);
  EXPECT_EQ(client.transaction([] { return base::Result<>(); }).error().message(),
            "end a xenstore transaction: Permission denied");
}

TEST_F(XenstoreTest, AWatchTellsOnceOfItselfAndThenOfEachChange) {
  ASSERT_TRUE(client.watch("/a", "one"));
  EXPECT_TRUE(readable(client.fd()));
  EXPECT_THAT(events(), ElementsAre("/a one"));
  EXPECT_FALSE(readable(client.fd()));
  store.write("/a/b", "x");
  store.write("/ab", "x");
  EXPECT_TRUE(readable(client.fd()));
  EXPECT_THAT(events(), ElementsAre("/a/b one"));
  store.remove("/a/b");
  EXPECT_THAT(events(), ElementsAre("/a/b one"));
  ASSERT_TRUE(client.unwatch("/a", "one"));
  EXPECT_EQ(store.watches(), 0U);
  store.write("/a", "y");
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(XenstoreTest, AWatchTellsWhenWhatItIsInIsRemoved) {
  store.write("/a/b/c", "x");
  ASSERT_TRUE(client.watch("/a/b/c", "one"));
  events();
  store.remove("/a");
  EXPECT_THAT(events(), ElementsAre("/a/b/c one"));
}

TEST_F(XenstoreTest, ARelativeWatchTellsRelativePaths) {
  ASSERT_TRUE(client.watch("data", "d"));
  store.write("/local/domain/7/data/x", "1");
  EXPECT_THAT(events(), ElementsAre("data d", "data/x d"));
}

TEST_F(XenstoreTest, EventsThatOvertakeAnAnswerAreKept) {
  ASSERT_TRUE(client.watch("/a", "one"));
  events();
  store.write("/a", "1");
  ASSERT_TRUE(client.write("/a/b", "2")); // its own event comes before its answer, too
  EXPECT_EQ(client.read("/a"), "1");
  EXPECT_TRUE(readable(client.fd()));
  EXPECT_THAT(events(), ElementsAre("/a one")) << "one for each token";
  EXPECT_FALSE(readable(client.fd()));
}

TEST_F(XenstoreTest, AFloodOfEventsDisplacesNoOther) {
  ASSERT_TRUE(client.watch("/hostile", "flood"));
  ASSERT_TRUE(client.watch("@releaseDomain", "end"));
  events();
  for (int i = 0; i < 10'000; i++) {
    store.write(base::format("/hostile/{}", i), "x");
    if (i % 50 == 0) {
      ASSERT_FALSE(client.read_if_there("/a").value());
    }
  }
  store.fire("@releaseDomain");
  EXPECT_FALSE(client.read_if_there("/a").value());
  EXPECT_THAT(events(), ElementsAre("/hostile/0 flood", "@releaseDomain end"));
}

// Of any number of events a turn of an event loop takes 64, and of those each token once.
TEST_F(XenstoreTest, ATurnTakesSomeOfAFloodAndEachTokenOnce) {
  ASSERT_TRUE(client.watch("/hostile", "flood"));
  events();
  for (int i = 0; i < 100; i++)
    store.write(base::format("/hostile/{}", i), "x");
  auto taken = client.take_events();
  ASSERT_TRUE(taken);
  ASSERT_EQ(taken->size(), 1U);
  EXPECT_EQ(taken->front().token, "flood");
  EXPECT_TRUE(readable(client.fd())) << "there are more";
  EXPECT_EQ(client.next_event().value()->path, "/hostile/64");
}

TEST_F(XenstoreTest, WatchesWhatHasNoNode) {
  ASSERT_TRUE(client.watch("@releaseDomain", "end"));
  events();
  store.fire("@introduceDomain");
  store.fire("@releaseDomain");
  EXPECT_THAT(events(), ElementsAre("@releaseDomain end"));
  EXPECT_EQ(client.watch("@releaseDomain", "end").error().code(), EEXIST);
}

TEST_F(XenstoreTest, TellsXenstoredOfTargetsAndResumedDomains) {
  ASSERT_TRUE(client.set_target(DomId{9}, DomId{8}));
  ASSERT_TRUE(client.resumed(DomId{8}));
  EXPECT_THAT(store.targets(), ElementsAre(Pair(9, 8)));
  EXPECT_THAT(store.resumed(), ElementsAre(8));
}

TEST_F(XenstoreTest, FailsForEverWhenXenstoredHasHungUp) {
  store.write("/a", "x");
  store.hang_up();
  for (int i = 0; i < 2; i++) {
    auto value = client.read("/a");
    ASSERT_FALSE(value);
    EXPECT_THAT(value.error().message(), HasSubstr("read xenstore node /a"));
  }
  EXPECT_TRUE(readable(client.fd()));
  EXPECT_FALSE(client.next_event());
}

// An answer that was given up comes late, and is nobody's.
TEST_F(XenstoreTest, GoesOnWithAXenstoredThatHasStalled) {
  static constexpr base::Milliseconds patience{30};
  Xenstore hasty = Xenstore::connect(patience).value();
  store.write("/a", "x");
  store.before_end_of_transaction([] { std::this_thread::sleep_for(10 * patience); });
  const auto begin = base::Clock::now();
  auto stalled = hasty.transaction([&] { return hasty.write("/b", "y"); });
  ASSERT_FALSE(stalled);
  EXPECT_EQ(stalled.error().code(), ETIMEDOUT);
  EXPECT_EQ(hasty.read("/a").error().code(), ETIMEDOUT);
  EXPECT_LT(base::Clock::now() - begin, 10 * patience);
  const auto deadline = base::Deadline::after(base::Milliseconds(10'000));
  auto value = hasty.read("/a");
  while (!value && !deadline.passed())
    value = hasty.read("/a");
  EXPECT_EQ(value.value_or(""), "x");
}

TEST_F(XenstoreTest, ClientsDoNotSeeEachOthersTransactionsAndWatches) {
  Xenstore other = Xenstore::connect().value();
  ASSERT_TRUE(other.watch("/a", "theirs"));
  ASSERT_TRUE(other.next_event().value());
  ASSERT_TRUE(client.transaction([&]() -> base::Result<> {
    TRY(client.write("/a", "1"));
    EXPECT_EQ(other.read_if_there("/a").value(), std::nullopt);
    return {};
  }));
  EXPECT_THAT(events(), IsEmpty());
  EXPECT_EQ(other.next_event().value()->path, "/a");
}

TEST(XenstoreConnection, IsNotThereWithoutXenstored) {
  auto client = Xenstore::connect();
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message(), HasSubstr("connect to xenstore: "));
}

} // namespace
} // namespace linstub::xen
