// SPDX-License-Identifier: MIT
// ioport BITS PORT [VALUE]: reads 8, 16 or 32 bits from an I/O port and prints them, or writes
// them; all decimal. /dev/port knows bytes only.
#include "freestanding.hpp"

namespace {

constexpr long sys_ioperm = 173;

unsigned read(long bits, unsigned short port) {
  unsigned value = 0;
  if (bits == 8)
    asm volatile("inb %1, %b0" : "+a"(value) : "d"(port));
  else if (bits == 16)
    asm volatile("inw %1, %w0" : "+a"(value) : "d"(port));
  else
    asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
  return value;
}

void write(long bits, unsigned short port, unsigned value) {
  if (bits == 8)
    asm volatile("outb %b0, %1" : : "a"(value), "d"(port));
  else if (bits == 16)
    asm volatile("outw %w0, %1" : : "a"(value), "d"(port));
  else
    asm volatile("outl %0, %1" : : "a"(value), "d"(port));
}

} // namespace

extern "C" [[noreturn]] void run(long *stack) {
  const long words = stack[0];
  if (words != 3 && words != 4)
    end(1);
  const auto *arguments = reinterpret_cast<const char *const *>(stack + 1);
  const long bits = number(arguments[1]);
  const auto port = static_cast<unsigned short>(number(arguments[2]));
  if ((bits != 8 && bits != 16 && bits != 32) || system_call(sys_ioperm, port, bits / 8, 1) != 0)
    end(1);
  if (words == 4)
    write(bits, port, static_cast<unsigned>(number(arguments[3])));
  else
    print(read(bits, port));
  end(0);
}
