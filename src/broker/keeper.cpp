// SPDX-License-Identifier: MIT
#include "broker/keeper.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

namespace linstub::broker {
namespace {

constexpr char dismissed = 'd';
constexpr char alive = '.';

// What the child keeps open, by these numbers.
constexpr int pipe_fd = STDIN_FILENO;
constexpr int linstub_dm_fd = STDERR_FILENO + 1;
constexpr int helper_fd = linstub_dm_fd + 1;

bool is_readable(int fd) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 1;
}

// Waits for a beat, an interval at most.
Seen look(const Pulse &pulse) {
  const auto before = base::Clock::now();
  pollfd ready{.fd = pipe_fd, .events = POLLIN, .revents = 0};
  ::poll(&ready, 1, static_cast<int>(pulse.interval.count()));
  Seen seen;
  // All that is there: while the keeper did not run, more than one may have come.
  while (!seen.ended && is_readable(pipe_fd)) {
    std::array<char, 64> bytes{};
    ssize_t got = ::read(pipe_fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR)
      continue;
    seen.ended = got <= 0;
    for (ssize_t i = 0; i < got; i++) {
      seen.beat = true;
      seen.dismissed = seen.dismissed || bytes.at(static_cast<size_t>(i)) == dismissed;
    }
  }
  seen.alive = !is_readable(linstub_dm_fd);
  const auto passed = std::chrono::duration_cast<base::Milliseconds>(base::Clock::now() - before);
  seen.passed = std::min(passed, 2 * pulse.interval);
  return seen;
}

// In the child. System calls only, but for the exec's arguments, which were made before the fork.
[[noreturn]] void keep(int pipe, int linstub_dm, const Pulse &pulse, const char *helper,
                       char *const argv[]) {
  ::setsid();
  ::prctl(PR_SET_NAME, "linstub-keeper");
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  // Neither may be in the place of the other.
  const int high = ::fcntl(linstub_dm, F_DUPFD, linstub_dm_fd + 1);
  ::dup2(pipe, pipe_fd);
  ::dup2(high, linstub_dm_fd);
  // What is there now: a package that is removed, or another version, may take it away.
  const int program = ::fcntl(::open(helper, O_PATH), F_DUPFD, helper_fd + 1);
  ::close(helper_fd);
  ::dup3(program, helper_fd, O_CLOEXEC);
  ::syscall(SYS_close_range, helper_fd + 1, ~0U, 0);
  Judgement judgement;
  for (;;) {
    judgement = judge(judgement.next, look(pulse), pulse);
    switch (judgement.duty) {
    case Duty::look_on:
      break;
    case Duty::leave:
      ::_exit(0);
    case Duty::kill: {
      constexpr std::string_view why = "linstub-keeper: linstub-dm hangs: it is killed\n";
      [[maybe_unused]] ssize_t put = ::write(STDERR_FILENO, why.data(), why.size());
      ::syscall(SYS_pidfd_send_signal, linstub_dm_fd, SIGKILL, nullptr, 0);
      break;
    }
    case Duty::rescue:
      ::close(linstub_dm_fd);
      ::syscall(SYS_execveat, helper_fd, "", argv, environ, AT_EMPTY_PATH);
      ::execv(helper, argv);
      ::_exit(127);
    }
  }
}

} // namespace

Judgement judge(const Watch &watch, const Seen &seen, const Pulse &pulse) {
  if (seen.dismissed)
    return {.next = watch, .duty = Duty::leave};
  if (seen.ended)
    return {.next = watch, .duty = Duty::rescue};
  Watch next = watch;
  next.silence = seen.beat ? base::Milliseconds(0) : watch.silence + seen.passed;
  // Dead already, and somebody makes a stub domain still: that is waited for.
  if (next.killed || !seen.alive || next.silence < pulse.longest_silence)
    return {.next = next, .duty = Duty::look_on};
  next.killed = true;
  return {.next = next, .duty = Duty::kill};
}

base::Result<Keeper> Keeper::start(xen::DomId guest, const char *helper, const Pulse &pulse) {
  base::Pipe pipe = TRY(base::make_pipe());
  // A keeper that does not read must not hold up who it watches.
  TRY(base::set_nonblocking(pipe.write));
  // From before the fork: later the number could be another process's.
  base::Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self)
    return base::fail_errno(errno, "let the keeper watch this process");
  std::string number = std::to_string(xen::number(guest));
  std::string name(helper);
  std::string command("rescue");
  std::array<char *, 4> argv{name.data(), command.data(), number.data(), nullptr};
  pid_t pid = ::fork();
  if (pid < 0)
    return base::fail_errno(errno, "start the keeper");
  if (pid == 0) {
    pipe.write.reset();
    keep(pipe.read.get(), self.get(), pulse, helper, argv.data());
  }
  base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int why = errno;
    Keeper(std::move(pipe.write), base::Fd()).dismiss();
    return base::fail_errno(why, "watch the keeper");
  }
  return Keeper(std::move(pipe.write), std::move(pidfd));
}

void Keeper::beat() {
  // That the keeper does not read, or has ended, is somebody else's to notice.
  [[maybe_unused]] ssize_t put = ::write(pipe_.get(), &alive, 1);
}

void Keeper::dismiss() {
  [[maybe_unused]] auto told = base::write_all(pipe_, std::string_view(&dismissed, 1));
  pipe_.reset();
}

} // namespace linstub::broker
