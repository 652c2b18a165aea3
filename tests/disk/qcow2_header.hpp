// SPDX-License-Identifier: MIT
// Headers of qcow2 images, as qemu-img writes them unless a test says otherwise.
#pragma once

#include "disk/qcow2.hpp"

#include <array>
#include <string>

namespace linstub::disk {

class TestHeader {
public:
  explicit TestHeader(uint64_t size = uint64_t{20} << 30) {
    put<uint32_t>(0, 0x514649fb).put<uint32_t>(4, 3).put<uint32_t>(20, 16).put<uint64_t>(24, size);
    put<uint32_t>(96, 4).put<uint32_t>(100, 112);
  }

  // A field, big-endian.
  template <class Number>
  TestHeader &put(size_t at, Number value) {
    for (size_t i = sizeof(Number); i-- > 0; value = static_cast<Number>(value >> 8))
      bytes_.at(at + i) = static_cast<std::byte>(value);
    return *this;
  }

  [[nodiscard]] base::Result<Qcow2Header> parsed() const { return parse_qcow2(bytes_); }
  [[nodiscard]] std::string refusal() const {
    auto header = parsed();
    return header ? "no error" : header.error().message();
  }
  [[nodiscard]] std::string text() const {
    return {reinterpret_cast<const char *>(bytes_.data()), bytes_.size()};
  }

private:
  std::array<std::byte, qcow2_header_size> bytes_{};
};

} // namespace linstub::disk
