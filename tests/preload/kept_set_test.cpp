// SPDX-License-Identifier: MIT
// With descriptors of a real kernel: what is kept says what poll() would say.
#include "preload/kept_set.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <random>
#include <vector>

namespace linstub::preload {
namespace {

constexpr timespec at_once{};

struct Poll {
  size_t *asked; // descriptors
  int operator()(pollfd *fds, nfds_t count, const timespec *timeout, const sigset_t *mask) const {
    *asked += count;
    return ::ppoll(fds, count, timeout, mask);
  }
};

class KeptSetTest : public testing::Test {
protected:
  static constexpr unsigned often = KeptSet<Poll>::often;

  ~KeptSetTest() override {
    for (const pollfd &each : fds)
      ::close(each.fd);
  }

  static int new_event() { return ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
  static void ring(int fd) {
    constexpr uint64_t one = 1;
    ASSERT_EQ(::write(fd, &one, sizeof one), ssize_t{sizeof one});
  }
  static void hear(int fd) {
    uint64_t times = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd, &times, sizeof times);
  }
  void add() { fds.push_back({.fd = new_event(), .events = POLLIN, .revents = 0}); }
  // Another file under the same number.
  static void replace(int number) {
    const int other = new_event();
    ASSERT_EQ(::dup3(other, number, O_CLOEXEC), number);
    ::close(other);
  }

  // What is said, which is what poll() says.
  int poll() {
    const int ready = kept.poll(fds.data(), fds.size(), fds[0], &at_once, nullptr);
    std::vector<pollfd> same = fds;
    EXPECT_EQ(ready, ::poll(same.data(), same.size(), 0));
    for (size_t i = 0; i < fds.size(); i++)
      EXPECT_EQ(fds[i].revents, same[i].revents) << i;
    return ready;
  }
  void make_it_kept() {
    for (unsigned i = 0; i <= often; i++)
      poll();
  }
  size_t asked_in_a_poll() {
    asked = 0;
    poll();
    return asked;
  }

  size_t asked = 0;
  std::vector<pollfd> fds;
  KeptSet<Poll> kept{Poll{&asked}};
};

TEST_F(KeptSetTest, ThatComesAgainAndAgainCostsTwoDescriptors) {
  for (int i = 0; i < 15; i++)
    add();
  EXPECT_EQ(asked_in_a_poll(), 15U);
  make_it_kept();
  EXPECT_EQ(asked_in_a_poll(), 2U);
  ring(fds[0].fd);
  EXPECT_EQ(poll(), 1);
  EXPECT_EQ(asked_in_a_poll(), 2U) << "the one is asked itself";
  hear(fds[0].fd);
  ring(fds[9].fd);
  EXPECT_EQ(asked_in_a_poll(), 17U) << "another is ready: all are asked";
  hear(fds[9].fd);
  EXPECT_EQ(asked_in_a_poll(), 2U);
}

TEST_F(KeptSetTest, ThatChangesIsAskedAsItIs) {
  for (int i = 0; i < 5; i++)
    add();
  make_it_kept();
  add();
  EXPECT_EQ(asked_in_a_poll(), 6U);
  fds[2].events = POLLIN | POLLOUT;
  EXPECT_EQ(poll(), 1);
  make_it_kept();
  EXPECT_EQ(poll(), 1);
  fds[2].events = POLLIN;
  make_it_kept();
  EXPECT_EQ(asked_in_a_poll(), 2U);
}

TEST_F(KeptSetTest, IsToldThatANumberIsAnotherFile) {
  for (int i = 0; i < 5; i++)
    add();
  make_it_kept();
  kept.closing(fds[3].fd);
  ASSERT_NO_FATAL_FAILURE(replace(fds[3].fd));
  ring(fds[3].fd);
  EXPECT_EQ(poll(), 1);
}

// Nobody has said that it was closed, and its file lives on elsewhere: it is ready, and nobody is.
TEST_F(KeptSetTest, IsGivenUpForAFileThatIsReadyAndGone) {
  for (int i = 0; i < 5; i++)
    add();
  make_it_kept();
  const int elsewhere = ::dup(fds[3].fd);
  ASSERT_NO_FATAL_FAILURE(replace(fds[3].fd));
  ring(elsewhere);
  EXPECT_EQ(asked_in_a_poll(), 7U);
  EXPECT_EQ(asked_in_a_poll(), 5U);
  make_it_kept();
  EXPECT_EQ(asked_in_a_poll(), 2U);
  ::close(elsewhere);
}

TEST_F(KeptSetTest, OfWhatCannotBeKeptIsAskedAsItIs) {
  for (int i = 0; i < 3; i++)
    add();
  fds.push_back(
      {.fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC), .events = POLLIN, .revents = 0});
  make_it_kept();
  EXPECT_EQ(poll(), 1) << "a plain file is always ready, and epoll will not have it";
  ::close(fds.back().fd);
  fds.pop_back();
  while (fds.size() <= KeptSet<Poll>::most)
    add();
  make_it_kept();
  EXPECT_EQ(asked_in_a_poll(), KeptSet<Poll>::most + 1);
}

TEST_F(KeptSetTest, SaysWhatPollSaysWhateverHappens) {
  for (unsigned seed = 1; seed <= 10; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    for (int i = 0; i < 3000; i++) {
      while (fds.size() < 3)
        add();
      const size_t which = random() % fds.size();
      switch (random() % 64) {
      case 0:
        kept.closing(fds[which].fd);
        ASSERT_NO_FATAL_FAILURE(replace(fds[which].fd));
        break;
      case 1:
        if (which != 0) {
          kept.closing(fds[which].fd);
          ::close(fds[which].fd);
          fds.erase(fds.begin() + static_cast<std::ptrdiff_t>(which));
        }
        break;
      case 2:
        if (fds.size() < 20)
          add(); // often under the number of one that was closed
        break;
      case 3:
        fds[which].events ^= POLLOUT;
        break;
      case 4:
      case 5:
      case 6:
        ring(fds[which].fd);
        break;
      default:
        hear(fds[which].fd);
      }
      // Long enough for it to be kept, now and then.
      const unsigned times = random() % 50 == 0 ? often + 2 : 1;
      for (unsigned turn = 0; turn < times; turn++)
        poll();
      if (HasFailure())
        return;
    }
  }
}

} // namespace
} // namespace linstub::preload
