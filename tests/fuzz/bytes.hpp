// SPDX-License-Identifier: MIT
// What structure-aware fuzz targets make their input of: small numbers and pieces, taken from the
// bytes that the fuzzer gives, zeros when there are no more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace linstub::fuzz {

class Bytes {
public:
  Bytes(const uint8_t *data, size_t size) : left_(data, size) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }

  // Below `end`.
  size_t number(size_t end) {
    if (left_.empty())
      return 0;
    size_t value = left_[0];
    left_ = left_.subspan(1);
    if (end > 256 && !left_.empty()) {
      value = value << 8 | left_[0];
      left_ = left_.subspan(1);
    }
    return value % end;
  }

  std::string_view piece(size_t most) {
    const auto taken = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(taken.size());
    return {reinterpret_cast<const char *>(taken.data()), taken.size()};
  }

private:
  std::span<const uint8_t> left_;
};

} // namespace linstub::fuzz
