// SPDX-License-Identifier: MIT
#include "dm/bounded_log.hpp"

#include "base/log.hpp"

#include <unistd.h>

#include <array>
#include <string_view>

namespace linstub::dm {
namespace {

constexpr size_t longest_line = 4096;

} // namespace

// --- Of this process -----------------------------------------------------------------------------

BoundedLog::BoundedLog() {
  base::set_log_gate(
      [](void *budget, std::string_view line) {
        return static_cast<LogBudget *>(budget)->admits(line, base::Clock::now());
      },
      &budget_);
}

BoundedLog::~BoundedLog() { base::set_log_gate(nullptr, nullptr); }

// --- Of the device model process -----------------------------------------------------------------

base::Result<std::unique_ptr<ModelLog>> ModelLog::open(base::EventLoop &loop, base::Fd pipe,
                                                       std::string_view who) {
  TRY(base::set_nonblocking(pipe));
  std::unique_ptr<ModelLog> log(new ModelLog(loop, std::move(pipe), who));
  log->watch_ = TRY(loop.watch(log->pipe_.get(), EPOLLIN, [raw = log.get()](uint32_t) {
    if (raw->take() == 0) {
      raw->pause_.reset();
      return raw->watch_.reset();
    }
    base::log_failure(raw->loop_.change(raw->watch_, 0));
    raw->pause_ = raw->loop_.at(base::Deadline::after(interval), [raw] {
      base::log_failure(raw->loop_.change(raw->watch_, EPOLLIN));
    });
  }));
  return log;
}

ModelLog::~ModelLog() {
  constexpr size_t most = 64; // shares: more than a pipe has room for
  for (size_t i = 0; i < most && take() != 0; i++) {
  }
  if (!line_.empty())
    end_line();
}

// How much there was; 0 at the end, or when there is nothing.
size_t ModelLog::take() {
  std::array<char, share> buffer;
  const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
  if (got <= 0)
    return 0;
  for (char c : std::string_view(buffer.data(), static_cast<size_t>(got)))
    add(c);
  return static_cast<size_t>(got);
}

void ModelLog::add(char c) {
  if (c == '\n')
    return end_line();
  if (line_.size() >= longest_line)
    end_line();
  line_.push_back(c);
}

void ModelLog::end_line() {
  std::string line = std::exchange(line_, {});
  if (!line.starts_with(mark_))
    line.insert(0, mark_);
  if (budget_.admits(line, base::Clock::now()))
    base::relay_log_line(line);
}

} // namespace linstub::dm
