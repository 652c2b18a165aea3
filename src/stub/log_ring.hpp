// SPDX-License-Identifier: MIT
// LogRing: the most recent lines of the log, in bounded memory.
//
// Bytes are numbered from 0 for the life of the ring. A reader remembers the number up to which
// it has read; one that was too slow is told how much it has lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::stub {

class LogRing {
public:
  explicit LogRing(size_t capacity) : capacity_(capacity) {}

  // Adds one line, without its newline. A line longer than the ring is cut.
  void add(std::string_view line);

  // The number of the byte after the last.
  [[nodiscard]] uint64_t end() const { return end_; }

  // Up to `most` bytes from `position` on; `position` is moved behind them. If what stood there is
  // gone, a line that says so comes first.
  std::string read(uint64_t &position, size_t most) const;

  // The last lines, at most `most` bytes of them, joined by " | ".
  [[nodiscard]] std::string tail(size_t most) const;

private:
  size_t capacity_;
  uint64_t end_ = 0;
  std::string bytes_; // whole lines; the first byte has the number end_ - bytes_.size()
};

} // namespace linstub::stub
