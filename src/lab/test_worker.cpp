// SPDX-License-Identifier: MIT
#include "lab/test_worker.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace linstub::lab {

using base::Deadline;

namespace {

constexpr int signalled = 128; // to which a shell adds the number of the signal
// A part may need a second lab, and each ends by itself after two hours.
constexpr auto part_limit = std::chrono::hours(5);

} // namespace

void Worker::say(std::string_view line) const {
  std::printf("%s: %.*s\n", place_.title.c_str(), static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

void Worker::go_on() {
  working_ = false;
  while (auto part = shared_.deal.take()) {
    auto started = start(*part);
    if (started) {
      working_ = true;
      return;
    }
    say(started.error().message());
    shared_.deal.ended(base::infrastructure_failed);
  }
}

void Worker::signal(int number) {
  if (working_)
    ::kill(-child_.pid(), number);
}

std::vector<std::string> Worker::command_line(const Part &part) const {
  const TestRunOptions &options = shared_.options;
  std::vector<std::string> argv{"env"};
  argv.insert(argv.end(), options.environment.begin(), options.environment.end());
  argv.insert(argv.end(), {base::format("GTEST_TOTAL_SHARDS={}", part.of),
                           base::format("GTEST_SHARD_INDEX={}", part.index),
                           options.program.string(), "--config", options.config.string(), "--shape",
                           std::string(shape_name(part.shape))});
  argv.insert(argv.end(), place_.arguments.begin(), place_.arguments.end());
  if (!options.tree.empty())
    argv.insert(argv.end(), {"--tree", options.tree.string()});
  if (!options.filter.empty())
    argv.push_back("--gtest_filter=" + base::join(shared_.scenarios.at(part.shape), ":"));
  return argv;
}

base::Result<> Worker::start(const Part &part) {
  if (!place_.lab.empty()) // what a run that was killed has left is not fresh
    TRY(shared_.labs->down(place_.lab));
  base::Pipe pipe = TRY(base::make_pipe());
  base::Command command{.argv = command_line(part),
                        .standard_output = pipe.write.get(),
                        .standard_error = pipe.write.get()};
  // A process group of its own is ended as one, and does not outlive us.
  command.before_exec = [] {
    return ::setpgid(0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 ? 0 : errno;
  };
  TRY(base::set_nonblocking(pipe.read));
  child_ = TRY(base::start(command));
  output_ = std::move(pipe.read);
  readable_ = TRY(shared_.loop.watch(output_.get(), EPOLLIN, [this](uint32_t) { read(); }));
  over_ = TRY(shared_.loop.watch(child_.pidfd().get(), EPOLLIN, [this](uint32_t) { ended(); }));
  limit_ = shared_.loop.at(Deadline::after(part_limit), [this] {
    say("this part has not come to its end in time");
    signal(SIGKILL);
  });
  return {};
}

// Until there is nothing more for now.
void Worker::read() {
  std::array<char, 16384> buffer;
  for (;;) {
    ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EAGAIN)
      return;
    if (got <= 0)
      break;
    partial_.append(buffer.data(), static_cast<size_t>(got));
    for (size_t end = 0; (end = partial_.find('\n')) != std::string::npos;) {
      results_.line(std::string_view(partial_).substr(0, end));
      say(std::string_view(partial_).substr(0, end));
      partial_.erase(0, end + 1);
    }
  }
  readable_.reset();
}

void Worker::ended() {
  auto status = child_.poll();
  if (status && !*status)
    return;
  if (readable_)
    read(); // what it left running may hold the pipe open: only what is there
  if (!partial_.empty())
    say(std::exchange(partial_, {}));
  readable_.reset();
  over_.reset();
  limit_.reset();
  if (!status) {
    say(status.error().message());
    shared_.deal.ended(base::infrastructure_failed);
  } else {
    const base::ExitStatus &how = **status;
    shared_.deal.ended(how.signal != 0 ? signalled + how.signal : how.code);
  }
  go_on();
  if (!working_)
    shared_.loop.stop(); // run() looks whether the others work
}

} // namespace linstub::lab
