// SPDX-License-Identifier: MIT
// measure WHAT COUNT [DEVICE SIZE]: does something COUNT times and prints the time of one in ns.
//
//   port                reads the first serial port's line status register (0x3fd): an exit to the
//                       device model, and a system call, for /dev/port needs no kernel option that
//                       a small kernel lacks
//   cpu                 a thousand steps of arithmetic: what is left of the CPU for the guest
//   read DEVICE SIZE    SIZE bytes of a disk, from one place to the next, past the page cache
//   random DEVICE SIZE  the same from places all over it
//   write DEVICE SIZE   writes them, and has the disk flush once at the end
//   flush DEVICE SIZE   writes them, and has the disk flush each time
#include "freestanding.hpp"

namespace {

using size = unsigned long;

constexpr long sys_write = 1, sys_open = 2, sys_lseek = 8, sys_pread = 17, sys_pwrite = 18,
               sys_fsync = 74, sys_clock_gettime = 228;
constexpr long o_rdwr = 2, o_direct = 040000, seek_end = 2;
constexpr long line_status = 0x3fd;
constexpr long largest = 1 << 20;

alignas(4096) char buffer[largest];

long check(long result) {
  if (result < 0)
    end(1);
  return result;
}

long open(const char *path, long flags) {
  return check(system_call(sys_open, reinterpret_cast<long>(path), flags));
}

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

bool is(const char *word, const char *other) {
  while (*word != '\0' && *word == *other)
    ++word, ++other;
  return *word == *other;
}

// Any numbers will do; the same each time.
unsigned long next_random() {
  static unsigned long state = 1;
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return state >> 33;
}

void read_ports(long count) {
  const long ports = open("/dev/port", 0);
  for (long i = 0; i < count; ++i) {
    unsigned char value = 0;
    if (system_call(sys_pread, ports, reinterpret_cast<long>(&value), 1, line_status) != 1)
      end(1);
  }
}

void calculate(long count) {
  for (long i = 0; i < count * 1000; ++i) {
    unsigned long value = next_random();
    asm volatile("" : "+r"(value));
  }
}

struct Disk {
  long file;
  long block;
  long blocks;
};

Disk open_disk(const char *path, long block) {
  const long file = open(path, o_rdwr | o_direct);
  const long bytes = check(system_call(sys_lseek, file, 0, seek_end));
  if (block < 512 || block > largest || bytes < block)
    end(1);
  return {file, block, bytes / block};
}

void move(const Disk &disk, long call, long which) {
  if (system_call(call, disk.file, reinterpret_cast<long>(buffer), disk.block,
                  which % disk.blocks * disk.block) != disk.block)
    end(1);
}

void use_disk(const char *what, const Disk &disk, long count) {
  const bool random = is(what, "random");
  const bool flush = is(what, "flush");
  const bool writes = flush || is(what, "write");
  for (long i = 0; i < count; ++i) {
    move(disk, writes ? sys_pwrite : sys_pread, random ? static_cast<long>(next_random()) : i);
    if (flush)
      check(system_call(sys_fsync, disk.file));
  }
  if (writes && !flush)
    check(system_call(sys_fsync, disk.file));
}

} // namespace

extern "C" [[noreturn]] void run(long *stack) {
  const long arguments = stack[0];
  auto argument = [&](long i) { return reinterpret_cast<const char *>(stack[1 + i]); };
  const long count = arguments > 2 ? number(argument(2)) : 0;
  if (count < 1)
    end(2);
  const char *what = argument(1);
  Disk disk{};
  if (arguments > 4)
    disk = open_disk(argument(3), number(argument(4)));
  const long start = now_ns();
  if (is(what, "port"))
    read_ports(count);
  else if (is(what, "cpu"))
    calculate(count);
  else if (arguments > 4)
    use_disk(what, disk, count);
  else
    end(2);
  print((now_ns() - start) / count);
  end(0);
}
