// SPDX-License-Identifier: MIT
// What QEMU needs done to its guest and the stub domain's kernel does not let it do: the few plain
// hypercalls that are left beside device-model operations and foreign mappings. linstub-init
// writes such a call into xenstore, dom0 checks it, does it, and writes the answer
// (wire/paths.hpp: data/linstub/call, linstub/answer).
//
//   SERIAL populate FIRST COUNT     XENMEM_populate_physmap: that many pages of memory for the
//   guest,
//                                   from that frame on
//   SERIAL s-state NUMBER           HVM_PARAM_ACPI_S_STATE: 3 when it goes to sleep, 0 when it
//   wakes
//
//   SERIAL ERRNO                    the answer; 0: done
//
// Decimal numbers with one blank between. The serials of a stub domain count up from 1.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::wire {

struct GuestCall {
  enum class Kind : uint8_t { populate, s_state };

  Kind kind = Kind::populate;
  uint64_t first = 0; // the frame, or the number
  uint64_t count = 0;

  bool operator==(const GuestCall &) const = default;
};

constexpr size_t longest_guest_call = 80;

// Without the serial, as QEMU's side says it to linstub-init.
std::string encode(const GuestCall &call);
base::Result<GuestCall> decode_guest_call(std::string_view text);

struct NumberedCall {
  uint64_t serial = 0;
  GuestCall call;
};
std::string encode(const NumberedCall &call);
base::Result<NumberedCall> decode_numbered_call(std::string_view text);

struct CallAnswer {
  uint64_t serial = 0;
  int error = 0; // errno; 0: done
};
std::string encode(const CallAnswer &answer);
base::Result<CallAnswer> decode_call_answer(std::string_view text);

} // namespace linstub::wire
