// SPDX-License-Identifier: MIT
#include "disk/saved_state.hpp"

#include "wire/numbers.hpp"

#include <algorithm>
#include <string_view>

namespace linstub::disk {
namespace {

constexpr std::string_view magic("LINSTUB\0", 8);
constexpr size_t version_at = 8;

} // namespace

SavedStateHeader saved_state_header() {
  SavedStateHeader header{};
  std::ranges::copy(std::as_bytes(std::span(magic)), header.begin());
  wire::put(std::span(header).subspan(version_at), saved_state_version);
  return header;
}

base::Result<size_t> size_of_header(std::span<const std::byte> start) {
  const auto mark = std::as_bytes(std::span(magic));
  // Also the first bytes of it alone: a file that was cut off there is nothing for QEMU.
  const auto compared = start.first(std::min(start.size(), mark.size()));
  if (start.empty() || !std::ranges::equal(compared, mark.first(compared.size())))
    return 0;
  if (start.size() < saved_state_header_size)
    return base::fail("the saved state of the device model is cut off: it has {} bytes",
                      start.size());
  start = start.first(saved_state_header_size);
  const auto version = wire::get<uint32_t>(start.subspan(version_at));
  if (version != saved_state_version)
    return base::fail("the saved state has format {}, and this linstub-dm knows format {}: restore "
                      "the guest where the Linstub is of the release that has saved it",
                      version, saved_state_version);
  if (!std::ranges::equal(start, saved_state_header()))
    return base::fail("the saved state is damaged: there is something in its header that should "
                      "not be");
  return saved_state_header_size;
}

} // namespace linstub::disk
