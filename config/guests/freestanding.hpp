// SPDX-License-Identifier: MIT
// What a program of the lab's guests has in place of a C library, which they have not got. Each
// defines `extern "C" void run(long *stack)`, and never returns from it: stack[0] is the number of
// its arguments, its name among them, and they follow.
#pragma once

namespace {

[[maybe_unused]] long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0,
                                  long e = 0, long f = 0) {
  register long fourth asm("r10") = d;
  register long fifth asm("r8") = e;
  register long sixth asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return result;
}

[[noreturn]] void end(int status) {
  constexpr long sys_exit = 60;
  system_call(sys_exit, status);
  __builtin_unreachable();
}

[[maybe_unused]] long address_of(const void *object) { return reinterpret_cast<long>(object); }

// To the standard output.
[[maybe_unused]] void print(const char *text, unsigned long length) {
  constexpr long sys_write = 1;
  system_call(sys_write, 1, address_of(text), static_cast<long>(length));
}

// Decimal, and a newline. Not negative.
[[maybe_unused]] void print(long value) {
  char text[24];
  unsigned long at = sizeof text;
  text[--at] = '\n';
  do {
    text[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  print(text + at, sizeof text - at);
}

// Decimal, as far as it goes.
[[maybe_unused]] long number(const char *text) {
  long value = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    value = value * 10 + (*text - '0');
  return value;
}

} // namespace

asm(".global _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call run\n");
