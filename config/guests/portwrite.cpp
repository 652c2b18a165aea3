// SPDX-License-Identifier: MIT
// portwrite PORT VALUE: writes 16 bits to an I/O port, both decimal. /dev/port can write bytes
// only.
#include "freestanding.hpp"

extern "C" [[noreturn]] void run(long *stack) {
  constexpr long sys_ioperm = 173;
  if (stack[0] != 3)
    end(1);
  const auto port = static_cast<unsigned short>(number(reinterpret_cast<const char *>(stack[2])));
  const auto value = static_cast<unsigned short>(number(reinterpret_cast<const char *>(stack[3])));
  if (system_call(sys_ioperm, port, 2, 1) != 0)
    end(1);
  asm volatile("outw %0, %1" : : "a"(value), "d"(port));
  end(0);
}
