// SPDX-License-Identifier: MIT
// A list of the system calls that a process may make from now on (seccomp(2)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

namespace linstub::sys {

// One that is allowed: always, or if one of its arguments is right. The low 32 bits are looked at,
// so it is for arguments that the kernel takes as an int, or for flags among them. Or `never`, and
// as if this kernel were too old for it (ENOSYS): who has another way then takes that.
struct AllowedCall {
  enum class If : uint8_t { always, equal, without, never };
  long number = 0; // SYS_…
  If condition = If::always;
  uint8_t argument = 0; // 0 for the first
  uint32_t value = 0;   // the argument is that; or, `without`, has none of these bits
};

constexpr size_t most_allowed_calls = 128;

// For good, and for all children. Every other call fails with EPERM. Sets no_new_privs. Returns an
// errno value, 0 for success.
int allow_only(std::span<const AllowedCall> calls);

} // namespace linstub::sys
