// SPDX-License-Identifier: MIT
// How much of this domain's memory is left: for dom0 to show, and to say so before there is none.
#pragma once

#include "base/result.hpp"
#include "wire/memory.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace linstub::stub {

// /proc/meminfo's words, without `least`.
base::Result<wire::Memory> parse_meminfo(std::string_view text);
base::Result<wire::Memory> read_meminfo();

class MemoryUse {
public:
  // What is to be told now: the value of wire::memory_node. Nothing if it would be nearly what was
  // told last.
  std::optional<std::string> take(wire::Memory now);

  // Whether it has become short since take() said so last.
  [[nodiscard]] bool is_short() const { return short_; }

private:
  wire::Memory told_;
  uint64_t least_ = UINT64_MAX;
  bool short_ = false;
};

} // namespace linstub::stub
