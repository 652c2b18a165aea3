// SPDX-License-Identifier: MIT
// LineReader: bytes from a pipe, turned into lines of bounded length.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace linstub::stub {

class LineReader {
public:
  static constexpr size_t longest = 1024; // a longer line is cut into several

  explicit LineReader(std::function<void(std::string_view line)> line) : line_(std::move(line)) {}

  void feed(std::string_view bytes);

  // What has come since the last newline is a line too.
  void finish();

private:
  std::function<void(std::string_view line)> line_;
  std::string partial_;
};

} // namespace linstub::stub
