// SPDX-License-Identifier: MIT
// Before swtpm's msync(): its linear store rounds the place down to a page and forgets to make the
// range so much longer (SWTPM_NVRAM_LinearFile_Flush), so that the last page of what it has written
// may stay in memory, and be lost with the domain. A page more is written back in any case.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

extern "C" __attribute__((visibility("default"))) int msync(void *address, size_t length,
                                                            int flags) noexcept {
  constexpr size_t page = 4096;
  long done = ::syscall(SYS_msync, address, length + page, flags);
  if (done != 0 && errno == ENOMEM) // the map ends there
    done = ::syscall(SYS_msync, address, length, flags);
  return static_cast<int>(done);
}
