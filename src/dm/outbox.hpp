// SPDX-License-Identifier: MIT
// Outbox: bytes on their way to a descriptor that does not block and may not take them at once.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace linstub::dm {

class Outbox {
public:
  void add(std::string_view bytes) { bytes_ += bytes; }
  void add(std::span<const std::byte> bytes) {
    bytes_.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  }

  // Writes as much as the descriptor takes now, and says how many bytes that were. An error is one
  // of the descriptor: what is left stays.
  base::Result<size_t> write_to(const base::Fd &fd);

  // Drops the oldest bytes, until at most `most` are left.
  void keep_newest(size_t most);

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  void clear() { bytes_.clear(); }

private:
  std::string bytes_;
};

} // namespace linstub::dm
