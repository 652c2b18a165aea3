// SPDX-License-Identifier: MIT
// A kernel, a Xen and a guest of the test's own under the Waiter, and above it a device model that
// does what QEMU's does (hw/xen/xen-hvm-common.c).
#include "preload/waiter.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <random>
#include <vector>

namespace linstub::preload {
namespace {

constexpr int device_fd = 7;
constexpr int other_fd = 9;
constexpr uint32_t remote_base = 100;
constexpr uint32_t local_base = 20;
constexpr uint8_t idle = 0;
constexpr uint8_t in_process = 2;
constexpr uint8_t answered = 3;

// The event channel device and the pages. What happens elsewhere meanwhile is `elsewhere`.
class World {
public:
  explicit World(size_t vcpus) : vcpus_(vcpus) {
    for (size_t i = 0; i < vcpus; i++)
      requests[i].port = remote_base + static_cast<uint32_t>(i);
  }

  [[nodiscard]] uint32_t vcpu_port(size_t vcpu) const {
    return local_base + static_cast<uint32_t>(vcpu);
  }
  [[nodiscard]] uint32_t buffered_port() const {
    return local_base + static_cast<uint32_t>(vcpus_);
  }

  // A virtual CPU asks, and is not asking now.
  void ask(size_t vcpu) {
    requests[vcpu].state = IoreqPages::ready;
    asked++;
    send(vcpu_port(vcpu));
  }
  void write_buffered() {
    buffered[1]++;
    send(buffered_port());
  }

  void send(uint32_t port) {
    Port &state = ports_[port];
    if (state.held)
      state.pending = true;
    else
      deliver(port);
  }

  int poll(pollfd *fds, nfds_t count, const timespec *timeout) {
    polls++;
    if (answer(fds, count) == 0 && (timeout == nullptr || timeout->tv_sec + timeout->tv_nsec > 0)) {
      sleeps++;
      for (size_t vcpu = 0; vcpu < vcpus_; vcpu++)
        EXPECT_NE(requests[vcpu].state, IoreqPages::ready)
            << "it sleeps while vCPU " << vcpu << " waits";
      if (!ports_[buffered_port()].held) {
        EXPECT_EQ(buffered[0], buffered[1]) << "it sleeps over buffered writes";
      }
      for (int i = 0; i < 1000 && answer(fds, count) == 0; i++)
        elsewhere();
    }
    return answer(fds, count);
  }

  ssize_t read(uint32_t *ports, size_t count) {
    calls++;
    EXPECT_FALSE(ring_.empty()) << "a read that blocks";
    size_t got = 0;
    for (; got < count && !ring_.empty(); got++) {
      ports[got] = ring_.front();
      ring_.pop_front();
    }
    return static_cast<ssize_t>(got * sizeof(*ports));
  }

  ssize_t write(const uint32_t *ports, size_t count) {
    calls++;
    for (size_t i = 0; i < count; i++) {
      Port &state = ports_[ports[i]];
      state.held = false;
      if (state.pending) {
        state.pending = false;
        deliver(ports[i]);
      }
    }
    return static_cast<ssize_t>(count * sizeof(*ports));
  }

  uint64_t now() {
    elsewhere();
    return time += 10;
  }

  std::function<void()> elsewhere = [] {};
  std::array<IoreqPages::Request, IoreqPages::most_vcpus> requests{};
  std::array<uint32_t, 1024> buffered{};
  bool other_ready = false;
  uint64_t time = 0;
  int asked = 0;
  int polls = 0;
  int sleeps = 0;
  int calls = 0;
  int forgotten = 0;

private:
  struct Port {
    bool held = false;
    bool pending = false;
  };

  void deliver(uint32_t port) {
    ports_[port].held = true;
    ring_.push_back(port);
  }

  int answer(pollfd *fds, nfds_t count) {
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
      const bool is = fds[i].fd == device_fd ? !ring_.empty() : other_ready;
      fds[i].revents = is ? POLLIN : 0;
      ready += is ? 1 : 0;
    }
    return ready;
  }

  size_t vcpus_;
  std::map<uint32_t, Port> ports_;
  std::deque<uint32_t> ring_;
};

struct Calls {
  World *world;
  int poll(pollfd *fds, nfds_t count, const timespec *timeout, const sigset_t *, pollfd *) const {
    return world->poll(fds, count, timeout);
  }
  ssize_t read(uint32_t *ports, size_t count) const { return world->read(ports, count); }
  ssize_t write(const uint32_t *ports, size_t count) const { return world->write(ports, count); }
  uint64_t now() const { return world->now(); }
  void forget_maps() const { world->forgotten++; }
};

// What QEMU does in a turn of its loop.
class Model {
public:
  Model(World &world, size_t vcpus, Spin spin)
      : world_(world),
        waiter_(Calls{&world}, IoreqPages(world.requests.data(), world.buffered.data()), device_fd,
                spin) {
    for (size_t i = 0; i < vcpus; i++)
      waiter_.add(remote_base + static_cast<uint32_t>(i), world.vcpu_port(i));
    waiter_.add(remote_base + 1000, world.buffered_port());
  }

  // Returns what ppoll() did.
  int turn(const timespec *timeout = nullptr) {
    std::array<pollfd, 2> fds{{{other_fd, POLLIN, 0}, {device_fd, POLLIN, 0}}};
    const int ready = waiter_.poll(fds.data(), fds.size(), timeout, nullptr);
    EXPECT_EQ(ready, (fds[0].revents != 0 ? 1 : 0) + (fds[1].revents != 0 ? 1 : 0));
    turns_without_other_ =
        fds[0].revents != 0 || !world_.other_ready ? 0 : turns_without_other_ + 1;
    EXPECT_LE(turns_without_other_, 17) << "a descriptor starves";
    if (fds[0].revents != 0)
      world_.other_ready = false;
    if (fds[1].revents != 0)
      serve();
    timer_ = std::max(timer_ - 1, -1);
    if (timer_ == 0)
      drain();
    return ready;
  }

  int answers = 0;

private:
  void serve() {
    const int port = waiter_.pending();
    if (port == static_cast<int>(world_.buffered_port())) {
      timer_ = 3; // looks again a little later
    } else if (port >= 0) {
      auto &request = world_.requests[static_cast<size_t>(port) - local_base];
      EXPECT_EQ(waiter_.unmask(static_cast<uint32_t>(port)), 0);
      EXPECT_EQ(request.state, IoreqPages::ready) << "a port without a request";
      request.state = in_process;
      world_.elsewhere();
      request.state = answered;
      answers++;
    }
    read_buffered();
  }

  bool read_buffered() {
    const bool any = world_.buffered[0] != world_.buffered[1];
    world_.buffered[0] = world_.buffered[1];
    return any;
  }

  void drain() {
    if (read_buffered()) {
      timer_ = 3;
      return;
    }
    EXPECT_EQ(waiter_.unmask(world_.buffered_port()), 0);
  }

  World &world_;
  Waiter<Calls> waiter_;
  int timer_ = 0;
  int turns_without_other_ = 0;
};

// A guest whose virtual CPUs ask again as soon as they have an answer, and then are busy a while.
void ask_again(World &world, size_t vcpus, std::mt19937 &random, size_t laziness) {
  const size_t vcpu = random() % vcpus;
  uint8_t &state = world.requests[vcpu].state;
  if ((state == idle || state == answered) && random() % laziness == 0)
    world.ask(vcpu);
  if (random() % (laziness * 8) == 0)
    world.write_buffered();
  if (random() % (laziness * 4) == 0)
    world.other_ready = true;
}

struct Case {
  size_t vcpus;
  unsigned laziness;
  Spin spin;
};

class WaiterModel : public testing::TestWithParam<Case> {};

TEST_P(WaiterModel, LosesNothingWhateverTheOrder) {
  const auto &[vcpus, laziness, spin] = GetParam();
  for (unsigned seed = 1; seed <= 40; seed++) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    World world(vcpus);
    Model model(world, vcpus, spin);
    world.elsewhere = [&] { ask_again(world, vcpus, random, laziness); };
    constexpr timespec soon{.tv_sec = 0, .tv_nsec = 300};
    constexpr timespec never{};
    for (int i = 0; i < 2000; i++) {
      const unsigned way = random() % 8;
      model.turn(way == 0 ? &never : way == 1 ? &soon : nullptr);
      if (testing::Test::HasFailure())
        return;
    }
    world.elsewhere = [] {};
    for (int i = 0; i < 200; i++)
      model.turn(&never);
    for (int i = 0; i < 2; i++) // what is only in the kernel comes with a real sleep
      model.turn(&soon);
    EXPECT_EQ(model.answers, world.asked);
    EXPECT_GT(world.asked, 100);
    EXPECT_EQ(world.buffered[0], world.buffered[1]);
  }
}

INSTANTIATE_TEST_SUITE_P(Guests, WaiterModel,
                         testing::Values(Case{1, 1, Spin::learned(1000)},
                                         Case{1, 30, Spin::learned(1000)},
                                         Case{1, 300, Spin::learned(1000)}, Case{1, 3, Spin::off()},
                                         Case{4, 3, Spin::always(500)},
                                         Case{4, 100, Spin::learned(1000)},
                                         Case{32, 2, Spin::learned(200)}, Case{32, 2, Spin::off()},
                                         Case{128, 5, Spin::learned(1000)}));

TEST(WaiterTest, MapsAreForgottenBeforeARequestThatSaysSoIsGiven) {
  World world(2);
  Waiter<Calls> waiter(Calls{&world}, IoreqPages(world.requests.data(), world.buffered.data()),
                       device_fd, Spin::off());
  for (size_t vcpu : {0U, 1U})
    waiter.add(remote_base + static_cast<uint32_t>(vcpu), world.vcpu_port(vcpu));
  world.requests[1].type = IoreqPages::invalidate; // of an old request: it is not ready
  world.ask(0);
  EXPECT_EQ(waiter.pending(), static_cast<int>(world.vcpu_port(0)));
  EXPECT_EQ(world.forgotten, 0);
  world.requests[0].state = answered;
  world.ask(1);
  EXPECT_EQ(waiter.pending(), static_cast<int>(world.vcpu_port(1)));
  EXPECT_EQ(world.forgotten, 1);
}

TEST(WaiterTest, ARequestThatFollowsItsAnswerCostsNoSystemCall) {
  World world(1);
  Model model(world, 1, Spin::always(1000));
  world.elsewhere = [&] {
    if (world.requests[0].state != IoreqPages::ready && world.requests[0].state != in_process)
      world.ask(0);
  };
  for (int i = 0; i < 160; i++)
    model.turn();
  EXPECT_EQ(model.answers, 160);
  // But the other descriptors are asked, one time in sixteen.
  EXPECT_LE(world.polls, 11);
  EXPECT_EQ(world.sleeps, 0);
  EXPECT_LE(world.calls, 2);
}

// Where nothing is looked for before a sleep, as is the default. With the notification of the
// answer, which is QEMU's own, that is four in all.
TEST(WaiterTest, ARequestCostsThreeSystemCallsBesideItsAnswer) {
  World world(1);
  Model model(world, 1, Spin::off());
  world.elsewhere = [&] {
    if (world.requests[0].state != IoreqPages::ready && world.requests[0].state != in_process)
      world.ask(0);
  };
  constexpr int exits = 160;
  for (int i = 0; i < exits; i++)
    model.turn();
  EXPECT_EQ(model.answers, exits);
  EXPECT_LE(world.polls, exits);
  EXPECT_LE(world.calls, 2 * exits); // the port written back, and read
}

TEST(WaiterTest, AnotherSetOfDescriptorsIsNoneOfIts) {
  World world(1);
  Waiter<Calls> waiter(Calls{&world}, IoreqPages(world.requests.data(), nullptr), device_fd,
                       Spin::always(1000));
  waiter.add(remote_base, world.vcpu_port(0));
  world.ask(0);
  world.other_ready = true;
  pollfd one{other_fd, POLLIN, 0};
  EXPECT_EQ(waiter.poll(&one, 1, nullptr, nullptr), 1);
  EXPECT_EQ(world.polls, 1);
  EXPECT_EQ(waiter.pending(), static_cast<int>(world.vcpu_port(0)));
}

TEST(WaiterTest, APortOfSomebodyElseIsWrittenThrough) {
  World world(1);
  Waiter<Calls> waiter(Calls{&world}, IoreqPages(world.requests.data(), nullptr), device_fd,
                       Spin::off());
  waiter.add(remote_base, world.vcpu_port(0));
  EXPECT_EQ(waiter.unmask(99), 0);
  EXPECT_EQ(world.calls, 1);
  EXPECT_EQ(waiter.pending(), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(WaiterTest, VirtualCpusTakeTurns) {
  World world(3);
  Model model(world, 3, Spin::always(1000));
  std::array<int, 3> served{};
  world.elsewhere = [&] {
    for (size_t vcpu = 0; vcpu < 3; vcpu++) {
      auto &state = world.requests[vcpu].state;
      if (state == answered)
        served[vcpu]++;
      if (state == idle || state == answered)
        world.ask(vcpu);
    }
  };
  for (int i = 0; i < 300; i++)
    model.turn();
  for (const int count : served)
    EXPECT_NEAR(count, 100, 3);
}

} // namespace
} // namespace linstub::preload
