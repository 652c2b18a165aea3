// SPDX-License-Identifier: MIT
#include "broker/keeper.hpp"

#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace linstub::broker {
namespace {

constexpr char dismissed = 'd';

// In the child. System calls only, but for the exec's arguments, which were made before the fork.
[[noreturn]] void keep(int pipe, const char *helper, char *const argv[]) {
  ::setsid();
  ::prctl(PR_SET_NAME, "linstub-keeper");
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  ::dup2(pipe, STDIN_FILENO);
  ::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(STDIN_FILENO, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1 && byte == dismissed)
    ::_exit(0);
  ::execv(helper, argv);
  ::_exit(127);
}

} // namespace

base::Result<Keeper> Keeper::start(xen::DomId guest, const char *helper) {
  base::Pipe pipe = TRY(base::make_pipe());
  std::string number = std::to_string(xen::number(guest));
  std::string name(helper);
  std::string command("rescue");
  std::array<char *, 4> argv{name.data(), command.data(), number.data(), nullptr};
  pid_t pid = ::fork();
  if (pid < 0)
    return base::fail_errno(errno, "start the keeper");
  if (pid == 0) {
    pipe.write.reset();
    keep(pipe.read.get(), helper, argv.data());
  }
  base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd)
    return base::fail_errno(errno, "watch the keeper");
  return Keeper(std::move(pipe.write), std::move(pidfd));
}

void Keeper::dismiss() {
  [[maybe_unused]] auto told = base::write_all(pipe_, std::string_view(&dismissed, 1));
  pipe_.reset();
}

} // namespace linstub::broker
