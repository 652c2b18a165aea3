// SPDX-License-Identifier: MIT
#include "lab/signature.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace linstub::lab {

namespace {

// Known failures of the emulated SVM, by what Xen says next. A guest that means to triple fault
// (a test does) looks the same in the first line, so that one counts only with evidence that the
// guest's state was not its own.
constexpr std::string_view shutdown_line = "Triple fault - invoking HVM shutdown";
constexpr size_t dump_size = 4096; // how far from that line its dump of registers is looked for

// The addresses that a register dump must not show for a guest.
struct Range {
  uint64_t first;
  uint64_t last;
  std::string_view meaning;
};

constexpr std::array bad_rip{
    Range{0xffff82d040000000, 0xffff82d07fffffff,
          "the guest ran at an address of Xen's own: the emulator mixed up host and guest"},
};
constexpr std::array bad_cr2{
    Range{0xfffffe0000000000, 0xfffffe0000000fff,
          "the guest could not read its own interrupt table: the emulator's injection is at fault"},
};

std::optional<uint64_t> hex_after(std::string_view text, std::string_view label) {
  const size_t at = text.find(label);
  if (at == std::string_view::npos)
    return {};
  text.remove_prefix(at + label.size());
  while (text.starts_with(' '))
    text.remove_prefix(1);
  if (text.starts_with("0x"))
    text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{})
    return {};
  return value;
}

template <size_t count>
std::optional<std::string> in_ranges(std::optional<uint64_t> value,
                                     const std::array<Range, count> &ranges) {
  if (!value)
    return {};
  for (const Range &range : ranges) {
    if (*value >= range.first && *value <= range.last)
      return std::string(range.meaning);
  }
  return {};
}

// A guest that shut down: by the emulator's fault?
std::optional<std::string> shutdown_failure(std::string_view dump) {
  // "RIP:    e008:[<ffff82d0402aefe4>]": Xen's code segment is enough.
  if (dump.contains("RIP:    e008:") || dump.contains("rip: e008:"))
    return std::string(bad_rip[0].meaning);
  if (auto found = in_ranges(hex_after(dump, "RIP = "), bad_rip))
    return found;
  return in_ranges(hex_after(dump, "cr2:"), bad_cr2);
}

} // namespace

std::optional<std::string> emulator_failure(std::string_view console) {
  for (size_t at = 0; (at = console.find(shutdown_line, at)) != std::string_view::npos;
       at += shutdown_line.size()) {
    // Xen prints the dump before that line in some releases and after it in others.
    const size_t first = at > dump_size ? at - dump_size : 0;
    if (auto failure = shutdown_failure(console.substr(first, at - first + dump_size)))
      return failure;
  }
  if (console.contains("Panic on CPU") || console.contains("Xen BUG at"))
    return "Xen itself panicked";
  // d0v0: dom0's own kernel died; it is the same kernel that runs on every other host.
  if (console.contains("Hardware Dom0 crashed") || console.contains("d0v0 Unhandled"))
    return "dom0's kernel crashed";
  if (console.contains("blocked for more than") && console.contains("virtblk"))
    return "dom0 hangs on its virtio disk: an interrupt was lost";
  return {};
}

} // namespace linstub::lab
