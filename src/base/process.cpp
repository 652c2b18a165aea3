// SPDX-License-Identifier: MIT
#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace linstub::base {
namespace {

std::vector<char *> pointers(const std::vector<std::string> &strings) {
  std::vector<char *> result;
  result.reserve(strings.size() + 1);
  for (const std::string &string : strings)
    result.push_back(const_cast<char *>(string.c_str())); // execve's signature, not its habit
  result.push_back(nullptr);
  return result;
}

// After fork, before exec: system calls only.
int prepare(const Command &command, std::array<int, 3> standard) {
  for (int signal = 1; signal < NSIG; signal++)
    ::signal(signal, SIG_DFL); // fails for the two that cannot be caught, and for the C library's
  sigset_t none;
  sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0)
    return errno;
  for (int target = 0; target < 3; target++) {
    int source = standard.at(static_cast<size_t>(target));
    if (source == target) {
      if (::fcntl(source, F_SETFD, 0) != 0)
        return errno;
    } else if (::dup2(source, target) < 0) {
      return errno;
    }
  }
  for (int fd : command.keep) {
    if (::fcntl(fd, F_SETFD, 0) != 0)
      return errno;
  }
  if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0)
    return errno;
  return command.before_exec ? command.before_exec() : 0;
}

} // namespace

std::string ExitStatus::text() const {
  if (signal != 0)
    return base::format("was ended by signal {} ({})", signal, ::strsignal(signal));
  return base::format("exited with status {}", code);
}

Child::Child(Child &&other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), status_(other.status_) {
}

Child &Child::operator=(Child &&other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    status_ = other.status_;
  }
  return *this;
}

Child::~Child() { end(); }

void Child::end() {
  if (pid_ < 0 || status_)
    return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

pid_t Child::release() {
  pidfd_.reset();
  return std::exchange(pid_, -1);
}

void Child::kill(int signal) {
  if (pid_ >= 0 && !status_)
    ::kill(pid_, signal); // not yet reaped: the pid cannot be another process's
}

Result<std::optional<ExitStatus>> Child::poll() {
  if (status_)
    return status_;
  int status = 0;
  pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended < 0)
    return fail_errno(errno, "wait for process {}", pid_);
  if (ended == 0)
    return std::nullopt;
  status_ = WIFSIGNALED(status) ? ExitStatus{.code = 0, .signal = WTERMSIG(status)}
                                : ExitStatus{.code = WEXITSTATUS(status), .signal = 0};
  return status_;
}

Result<ExitStatus> Child::wait(Deadline deadline) {
  for (;;) {
    if (auto status = TRY(poll()))
      return *status;
    if (deadline.passed())
      return std::unexpected(
          Error(base::format("process {} has not ended in time", pid_), ETIMEDOUT));
    pollfd end{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    auto left = std::min(deadline.left(), Milliseconds(60'000));
    if (::poll(&end, 1, static_cast<int>(left.count())) < 0 && errno != EINTR)
      return fail_errno(errno, "wait for process {}", pid_);
  }
}

Result<Child> start(const Command &command) {
  if (command.argv.empty())
    return fail("start a process: no program is named");
  Fd null = TRY(open_file("/dev/null", O_RDWR));
  Pipe report = TRY(make_pipe());
  std::array<int, 3> standard{
      command.standard_input >= 0 ? command.standard_input : null.get(),
      command.standard_output >= 0 ? command.standard_output : STDOUT_FILENO,
      command.standard_error >= 0 ? command.standard_error : STDERR_FILENO,
  };
  std::vector<char *> argv = pointers(command.argv);
  std::vector<char *> environment;
  if (command.environment)
    environment = pointers(*command.environment);

  pid_t pid = ::fork();
  if (pid < 0)
    return fail_errno(errno, "start {}", command.argv[0]);
  if (pid == 0) {
    int error = prepare(command, standard);
    if (error == 0) {
      if (command.environment)
        ::execvpe(argv[0], argv.data(), environment.data());
      else
        ::execvp(argv[0], argv.data());
      error = errno;
    }
    [[maybe_unused]] ssize_t put = ::write(report.write.get(), &error, sizeof error);
    ::_exit(127);
  }
  report.write.reset();
  Child child(pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  if (!child.pidfd_)
    return fail_errno(errno, "start {}: watch process {}", command.argv[0], pid);
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.read.get(), &error, sizeof error); // ends at once: exec closes the pipe
  } while (got < 0 && errno == EINTR);
  if (got > 0)
    return fail_errno(error, "start {}", command.argv[0]);
  return child;
}

Result<Output> run(Command command, Deadline deadline, std::string_view input, size_t limit) {
  std::string name = join(command.argv, " ");
  Pipe in = TRY(make_pipe());
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  command.standard_input = in.read.get();
  command.standard_output = out.write.get();
  command.standard_error = err.write.get();
  Child child = TRY(start(command));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  TRY(set_nonblocking(in.write));
  ::signal(SIGPIPE, SIG_IGN); // a child that does not read its input is not our end

  Output output;
  auto drain = [&](Fd &fd, std::string &text) -> Result<> {
    std::array<char, 16384> buffer;
    ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno != EINTR)
      return fail_errno(errno, "read what {} prints", command.argv[0]);
    if (got == 0)
      fd.reset();
    if (got > 0)
      text.append(buffer.data(), std::min(static_cast<size_t>(got), limit - text.size()));
    return {};
  };
  while (out.read || err.read) {
    if (in.write && input.empty())
      in.write.reset();
    if (deadline.passed())
      return std::unexpected(
          Error(base::format("run {}: it has not ended in time", name), ETIMEDOUT));
    // What it left running (an ssh that serves others, say) may hold the pipes open for ever: once
    // it has ended, only what is there already is read.
    bool ended = TRY(child.poll()).has_value();
    auto left = ended ? Milliseconds(0) : std::min(deadline.left(), Milliseconds(60'000));
    std::array<pollfd, 4> waits{{{.fd = in.write.get(), .events = POLLOUT, .revents = 0},
                                 {.fd = out.read.get(), .events = POLLIN, .revents = 0},
                                 {.fd = err.read.get(), .events = POLLIN, .revents = 0},
                                 {.fd = ended ? -1 : child.pidfd().get(), .events = POLLIN}}};
    int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0) {
      if (errno == EINTR)
        continue;
      return fail_errno(errno, "run {}: wait", name);
    }
    if (ready == 0 && ended)
      break;
    if (waits[0].revents != 0) {
      ssize_t put = ::write(in.write.get(), input.data(), input.size());
      if (put > 0)
        input.remove_prefix(static_cast<size_t>(put));
      else if (put < 0 && errno != EAGAIN && errno != EINTR)
        in.write.reset();
    }
    if (waits[1].revents != 0)
      TRY(drain(out.read, output.out));
    if (waits[2].revents != 0)
      TRY(drain(err.read, output.err));
  }
  output.status = TRY(child.wait(deadline).transform_error(doing("run {}", name)));
  return output;
}

Result<std::string> run_checked(Command command, Deadline deadline, std::string_view input) {
  std::string name = join(command.argv, " ");
  Output output = TRY(run(std::move(command), deadline, input));
  if (!output.status.success()) {
    std::string_view said = without_end_of_line(output.err.empty() ? output.out : output.err);
    constexpr size_t quoted = 600;
    if (said.size() > quoted)
      said.remove_prefix(said.size() - quoted);
    return fail("{} {}: {}", name, output.status.text(), said);
  }
  return std::move(output.out);
}

} // namespace linstub::base
