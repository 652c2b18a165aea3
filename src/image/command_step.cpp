// SPDX-License-Identifier: MIT
#include "image/command_step.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

namespace linstub::image {
namespace {

using base::Clock;
using base::Deadline;

constexpr size_t kept_output = 64 << 10;
constexpr auto terminal_interval = std::chrono::milliseconds(200);
constexpr auto log_interval = std::chrono::seconds(30);

// The last line of the terminal, which all steps that run at the same time share.
class StatusLine {
public:
  void show(const void *step, std::string text) {
    const std::scoped_lock lock(mutex_);
    texts_[step] = std::move(text);
    write("");
  }

  // `text` stays, above those that still run.
  void end(const void *step, const std::string &text) {
    const std::scoped_lock lock(mutex_);
    texts_.erase(step);
    write(text + "\x1b[K\n");
  }

  void forget(const void *step) {
    const std::scoped_lock lock(mutex_);
    texts_.erase(step);
  }

private:
  void write(std::string_view above) const {
    std::string all;
    for (const auto &[step, text] : texts_)
      all.append(all.empty() ? "" : "; ").append(text);
    // A line that is wider than the terminal could not be written over.
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
      all.resize(std::min<size_t>(all.size(), size.ws_col - 1U));
    const std::string bytes = base::format("\r{}{}\x1b[K", above, all);
    std::fwrite(bytes.data(), 1, bytes.size(), stderr);
    std::fflush(stderr);
  }

  std::mutex mutex_;
  std::map<const void *, std::string> texts_;
};

StatusLine &status_line() {
  static StatusLine of_the_terminal;
  return of_the_terminal;
}

// Prints how far something is: over and over in one line on a terminal, now and then elsewhere.
class ProgressLine {
public:
  explicit ProgressLine(std::string what)
      : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() { status_line().forget(this); }
  ProgressLine(const ProgressLine &) = delete;
  ProgressLine &operator=(const ProgressLine &) = delete;

  void update(const Progress &progress) {
    progress_ = progress;
    tick();
  }

  void tick() {
    const auto now = Clock::now();
    if (now < next_)
      return;
    next_ = now + (terminal_ ? Clock::duration(terminal_interval) : Clock::duration(log_interval));
    std::string text = base::format("{}: ", what_);
    if (progress_.total != 0)
      text += base::format("{} of {} ({} %), ", progress_.done, progress_.total,
                           progress_.done * 100 / progress_.total);
    text += elapsed();
    if (terminal_)
      status_line().show(this, std::move(text));
    else
      print(text);
  }

  void finish(bool success) const {
    const std::string text =
        base::format("{}: {} after {}", what_, success ? "done" : "failed", elapsed());
    if (terminal_)
      status_line().end(this, text);
    else
      print(text);
  }

private:
  [[nodiscard]] std::string elapsed() const {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start_).count();
    return base::format("{}:{:02}", seconds / 60, seconds % 60);
  }

  static void print(const std::string &text) {
    const std::string line = text + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
  }

  std::string what_;
  bool terminal_;
  Progress progress_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = start_;
};

// Cuts a stream into lines, keeps the last of them.
class Lines {
public:
  template <class Line>
  void add(std::string_view text, const Line &line) {
    kept_.append(text);
    if (kept_.size() > 2 * kept_output)
      kept_.erase(0, kept_.size() - kept_output);
    partial_.append(text);
    size_t begin = 0;
    for (size_t end = partial_.find_first_of("\r\n"); end != std::string::npos;
         end = partial_.find_first_of("\r\n", begin)) {
      line(std::string_view(partial_).substr(begin, end - begin));
      begin = end + 1;
    }
    partial_.erase(0, begin);
    if (partial_.size() > kept_output)
      partial_.clear();
  }
  [[nodiscard]] const std::string &kept() const { return kept_; }

private:
  std::string partial_;
  std::string kept_;
};

} // namespace

std::optional<Progress> ProgressReader::line(std::string_view text) {
  if (estimate_ == unknown)
    return std::nullopt;
  if (estimate_ != 0) {
    if (!text.starts_with("  ")) // "  CC      kernel/fork.o"
      return std::nullopt;
    seen_++;
    return Progress{seen_, std::max(seen_, estimate_)};
  }
  Progress progress;
  const char *end = text.data() + text.size();
  if (!text.starts_with('['))
    return std::nullopt;
  auto done = std::from_chars(text.data() + 1, end, progress.done);
  if (done.ec != std::errc() || done.ptr == end || *done.ptr != '/')
    return std::nullopt;
  auto total = std::from_chars(done.ptr + 1, end, progress.total);
  if (total.ec != std::errc() || total.ptr == end || *total.ptr != ']' || progress.total == 0)
    return std::nullopt;
  return progress;
}

std::string telling_lines(std::string_view log) {
  constexpr size_t most = 4;
  std::vector<std::string_view> errors;
  std::deque<std::string_view> last;
  while (!log.empty()) {
    const size_t end = std::min(log.find('\n'), log.size());
    std::string_view line = log.substr(0, end);
    log.remove_prefix(std::min(end + 1, log.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    const bool telling = line.contains("error:") || line.contains("ERROR") ||
                         line.starts_with("E: ") || line.contains("***") ||
                         line.contains("No space left");
    if (telling && errors.size() < most)
      errors.push_back(line);
    last.push_back(line);
    if (last.size() > most)
      last.pop_front();
  }
  std::string text;
  auto add = [&text](std::string_view line) {
    text.append(text.empty() ? "" : " | ").append(line);
  };
  if (errors.empty())
    for (const std::string_view line : last)
      add(line);
  for (const std::string_view line : errors)
    add(line);
  return text;
}

base::Result<> run_step(Step step) {
  auto log = TRY(base::open_file(step.log, O_WRONLY | O_CREAT | O_APPEND, 0644));
  auto pipe = TRY(base::make_pipe());
  step.command.standard_output = pipe.write.get();
  step.command.standard_error = pipe.write.get();
  const auto deadline = Deadline::after(step.limit);
  ProgressLine shown(step.what);
  auto child = TRY(base::start(step.command).transform_error(base::doing("{}", step.what)));
  pipe.write.reset();

  Lines lines;
  std::array<char, 16 << 10> buffer{};
  while (true) {
    if (deadline.passed()) {
      shown.finish(false);
      return base::fail("{}: not done after {} minutes; see {}", step.what,
                        std::chrono::duration_cast<std::chrono::minutes>(step.limit).count(),
                        step.log.string());
    }
    constexpr int tick = 1000;
    pollfd readable{.fd = pipe.read.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, tick);
    shown.tick();
    if (ready < 0 && errno != EINTR)
      return base::fail_errno(errno, "{}: wait for output", step.what);
    if (ready <= 0)
      continue;
    const ssize_t size = ::read(pipe.read.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR)
      continue;
    if (size <= 0)
      break;
    const std::string_view text(buffer.data(), static_cast<size_t>(size));
    TRY(base::write_all(log, text).transform_error(base::doing("write {}", step.log.string())));
    lines.add(text, [&](std::string_view line) {
      if (auto progress = step.progress.line(line))
        shown.update(*progress);
    });
  }
  const auto status = TRY(child.wait(deadline).transform_error(base::doing("{}", step.what)));
  shown.finish(status.success());
  if (!status.success())
    return base::fail("{}: {} {}: {} (all of its output: {})", step.what, step.command.argv.front(),
                      status.text(), telling_lines(lines.kept()), step.log.string());
  return {};
}

} // namespace linstub::image
