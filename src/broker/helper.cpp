// SPDX-License-Identifier: MIT
#include "broker/helper.hpp"

#include "base/log.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>

namespace linstub::broker {
namespace {

constexpr size_t longest_line = 1024;
constexpr std::string_view own_error = "linstub-stubdom: error: ";

base::Result<base::Fd> memory_file(const std::string &content) {
  base::Fd file(::memfd_create("description", MFD_CLOEXEC));
  if (!file)
    return base::fail_errno(errno, "make a file in memory");
  TRY(base::write_all(file, content));
  if (::lseek(file.get(), 0, SEEK_SET) != 0)
    return base::fail_errno(errno, "rewind a file in memory");
  return file;
}

} // namespace

std::string libxl_error(std::string_view line) {
  // "libxl: error: libxl_device.c:1389:device_hotplug_child_death_cb: script: text"
  constexpr std::string_view start = "libxl: error: ";
  if (!line.starts_with(start))
    return {};
  std::string_view text = line.substr(start.size());
  size_t end = text.find(": ");
  if (text.starts_with("libxl") && end != std::string_view::npos)
    text.remove_prefix(end + 2);
  return std::string(text);
}

base::Result<std::unique_ptr<Helper>> Helper::start(base::EventLoop &loop, Job job,
                                                    base::Deadline deadline, Done done) {
  std::unique_ptr<Helper> helper(new Helper(loop, std::move(done)));
  base::Fd in = TRY(memory_file(job.input));
  base::Pipe out = TRY(base::make_pipe());
  base::Pipe err = TRY(base::make_pipe());
  base::Command command{.argv = std::move(job.argv)};
  command.standard_input = in.get();
  command.standard_output = out.write.get();
  command.standard_error = err.write.get();
  if (job.keep >= 0)
    command.keep = {job.keep};
  helper->child_ = TRY(base::start(command));
  helper->output_ = std::move(out.read);
  helper->errors_ = std::move(err.read);
  TRY(base::set_nonblocking(helper->output_));
  TRY(base::set_nonblocking(helper->errors_));
  TRY(helper->watch(deadline));
  return helper;
}

base::Result<> Helper::watch(base::Deadline deadline) {
  errors_watch_ = TRY(loop_.watch(errors_.get(), EPOLLIN, [this](uint32_t) { read_errors(); }));
  end_watch_ = TRY(loop_.watch(child_.pidfd().get(), EPOLLIN, [this](uint32_t) { ended(); }));
  timer_ = loop_.at(deadline, [this] {
    child_.kill(SIGKILL);
    finish(base::fail("it has not ended in time"));
  });
  return {};
}

void Helper::read_errors() {
  std::array<char, 4096> buffer;
  ssize_t got = ::read(errors_.get(), buffer.data(), buffer.size());
  if (got > 0) {
    pending_.append(buffer.data(), static_cast<size_t>(got));
    log_lines();
  } else if (got == 0) {
    errors_watch_.reset(); // its end is told by the pidfd
  }
}

void Helper::log_lines() {
  size_t end = 0;
  while ((end = pending_.find('\n')) != std::string::npos || pending_.size() > longest_line) {
    std::string line = pending_.substr(0, std::min(end, longest_line));
    pending_.erase(0, std::min(end, longest_line) + (end <= longest_line ? 1 : 0));
    base::log_info("{}", line);
    if (line.starts_with(own_error))
      last_ = line.substr(own_error.size());
    else
      note_cause(libxl_error(line));
  }
}

// The first error is the cause, but for what a hotplug script says: libxl logs that later.
void Helper::note_cause(const std::string &error) {
  constexpr std::string_view script = "script: ";
  if (cause_.empty() || (error.starts_with(script) && !cause_.starts_with(script)))
    cause_ = error;
}

void Helper::ended() {
  while (errors_watch_) {
    std::array<char, 4096> buffer;
    ssize_t got = ::read(errors_.get(), buffer.data(), buffer.size());
    if (got <= 0)
      break;
    pending_.append(buffer.data(), static_cast<size_t>(got));
  }
  log_lines();
  auto status = child_.poll();
  if (!status)
    return finish(std::unexpected(std::move(status).error()));
  if (!*status)
    return;
  if (!(*status)->success()) {
    std::string why = last_.empty() ? (*status)->text() : last_;
    return finish(base::fail("{}{}{}", why, cause_.empty() ? "" : ": ", cause_));
  }
  std::string text(256, '\0');
  ssize_t got = ::read(output_.get(), text.data(), text.size());
  text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  finish(text);
}

void Helper::finish(base::Result<std::string> result) {
  errors_watch_.reset();
  end_watch_.reset();
  timer_.reset();
  // The owner may destroy this object from inside the call.
  Done done = std::move(done_);
  done(std::move(result));
}

} // namespace linstub::broker
