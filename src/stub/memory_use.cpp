// SPDX-License-Identifier: MIT
#include "stub/memory_use.hpp"

#include "base/fd.hpp"
#include "base/format.hpp"
#include "xen/domid.hpp"

#include <algorithm>

namespace linstub::stub {
namespace {

constexpr uint64_t worth_telling = 512; // KiB

// "MemTotal:          51234 kB"
base::Result<uint64_t> value_of(std::string_view text, std::string_view name) {
  size_t at = text.find(name);
  while (at != std::string_view::npos && at != 0 && text[at - 1] != '\n')
    at = text.find(name, at + 1);
  if (at == std::string_view::npos)
    return base::fail("/proc/meminfo has no {}", name);
  text.remove_prefix(at + name.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return xen::parse_number(text.substr(0, text.find_first_not_of("0123456789")), UINT32_MAX)
      .transform_error(base::doing("read {} of /proc/meminfo", name));
}

} // namespace

base::Result<wire::Memory> parse_meminfo(std::string_view text) {
  // Shared memory is counted among the files' there, and is a program's.
  const uint64_t shared = TRY(value_of(text, "Shmem:"));
  const uint64_t files = TRY(value_of(text, "Buffers:")) + TRY(value_of(text, "Cached:"));
  return wire::Memory{.total = TRY(value_of(text, "MemTotal:")),
                      .available = TRY(value_of(text, "MemAvailable:")),
                      .least = 0,
                      .free = TRY(value_of(text, "MemFree:")),
                      .programs = TRY(value_of(text, "AnonPages:")) + shared,
                      .files = files - std::min(files, shared)};
}

base::Result<wire::Memory> read_meminfo() {
  constexpr size_t most = 8192;
  return base::read_file("/proc/meminfo", most).and_then(parse_meminfo);
}

std::optional<std::string> MemoryUse::take(wire::Memory now) {
  constexpr uint64_t short_part = 16;
  const uint64_t bound = now.total / short_part;
  short_ = now.available < bound && least_ >= bound;
  const bool is_least = now.available < least_;
  least_ = now.least = std::min(least_, now.available);
  const uint64_t change =
      std::max(now.available, told_.available) - std::min(now.available, told_.available);
  if (!is_least && change < worth_telling && now.total == told_.total)
    return std::nullopt;
  told_ = now;
  return wire::encode(now);
}

} // namespace linstub::stub
