// SPDX-License-Identifier: MIT
// portread COUNT: reads the first serial port's line status register (0x3fd) COUNT times and
// prints the time of one read in ns. Each read is an exit to the device model, so this is the
// price of an exit as a guest sees it, and of a system call: /dev/port needs no kernel option that
// a small kernel lacks. Freestanding: the guests have no C library to load.

namespace {

using size = unsigned long;

long system_call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  register long fourth asm("r10") = d;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
               : "rcx", "r11", "memory");
  return result;
}

constexpr long sys_write = 1, sys_open = 2, sys_pread = 17, sys_exit = 60, sys_clock_gettime = 228;
constexpr long line_status = 0x3fd;

long now_ns() {
  long time[2];
  system_call(sys_clock_gettime, 1 /* CLOCK_MONOTONIC */, reinterpret_cast<long>(time));
  return time[0] * 1'000'000'000 + time[1];
}

void print(long value) {
  char text[24];
  size at = sizeof text;
  text[--at] = '\n';
  do {
    text[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  system_call(sys_write, 1, reinterpret_cast<long>(text + at), static_cast<long>(sizeof text - at));
}

} // namespace

extern "C" [[noreturn]] void run(long *stack) {
  long count = 0;
  if (stack[0] > 1)
    for (const char *digit = reinterpret_cast<const char *>(stack[2]);
         *digit >= '0' && *digit <= '9'; ++digit)
      count = count * 10 + (*digit - '0');
  if (count < 1)
    count = 1000;
  const long ports = system_call(sys_open, reinterpret_cast<long>("/dev/port"), 0 /* O_RDONLY */);
  if (ports < 0)
    system_call(sys_exit, 1);
  const long start = now_ns();
  for (long i = 0; i < count; ++i) {
    unsigned char value = 0;
    if (system_call(sys_pread, ports, reinterpret_cast<long>(&value), 1, line_status) != 1)
      system_call(sys_exit, 1);
  }
  print((now_ns() - start) / count);
  system_call(sys_exit, 0);
  __builtin_unreachable();
}

asm(".global _start\n_start:\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call run\n");
