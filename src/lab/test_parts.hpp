// SPDX-License-Identifier: MIT
// The parts that a run of the scenarios is dealt out in. Each part runs on a fresh lab of its own.
#pragma once

#include "lab/machine.hpp"

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace linstub::lab {

// One share of the scenarios of a shape: gtest picks which (GTEST_TOTAL_SHARDS, GTEST_SHARD_INDEX).
struct Part {
  Shape shape = Shape::warm;
  size_t of = 1;
  size_t index = 0;
};

// The parts of so many scenarios of one shape; none of them is empty.
std::vector<Part> parts_of(Shape shape, size_t scenarios);

// How many labs this machine has the memory for, one or two: from the text of /proc/meminfo.
size_t labs_at_once(std::string_view meminfo);

// Hands the parts out, each once, in their order, and keeps the worst of their exit statuses.
class Deal {
public:
  explicit Deal(std::vector<Part> parts) : parts_(std::move(parts)) {}

  // The next part that nobody has taken.
  std::optional<Part> take();

  // From now on there is nothing left to take.
  void close() { next_ = parts_.size(); }

  // A part has ended with this exit status.
  void ended(int status);

  [[nodiscard]] int worst() const { return worst_; }

private:
  std::vector<Part> parts_;
  size_t next_ = 0;
  int worst_ = 0;
};

} // namespace linstub::lab
