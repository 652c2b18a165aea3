// SPDX-License-Identifier: MIT
#include "dm/report.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace linstub::dm {
namespace {

bool same_file(int one, int other) {
  struct stat first{};
  struct stat second{};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

} // namespace

pid_t starter() { return ::getppid(); }

void report(pid_t starter, const std::string &sentence) {
  base::log_error("{}", sentence);
  if (starter <= 1 || ::getppid() != starter)
    return;
  base::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, starter, 0)));
  if (!process)
    return;
  base::Fd error(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), STDERR_FILENO, 0)));
  if (!error || same_file(error.get(), STDERR_FILENO))
    return;
  // It must never hold us up, so one write; a terminal takes a line at once.
  std::string line = base::format("linstub-dm: error: {}\n", base::printable(sentence, 2048));
  [[maybe_unused]] ssize_t put = ::write(error.get(), line.data(), line.size());
}

} // namespace linstub::dm
