// SPDX-License-Identifier: MIT
// cpuid LEAF: what a leaf of CPUID (decimal) has in ebx, ecx and edx, as the twelve characters that
// they are where a hypervisor says its name.
#include "freestanding.hpp"

extern "C" [[noreturn]] void run(long *stack) {
  if (stack[0] != 2)
    end(1);
  long leaf = number(reinterpret_cast<const char *>(stack[2]));
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  asm volatile("cpuid" : "+a"(leaf), "=b"(b), "+c"(c), "=d"(d));
  const unsigned name[]{b, c, d};
  print(reinterpret_cast<const char *>(name), sizeof name);
  print("\n", 1);
  end(0);
}
