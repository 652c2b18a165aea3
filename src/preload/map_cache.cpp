// SPDX-License-Identifier: MIT
// How QEMU maps its guest's memory, for its emulated devices: this stands before
// libxenforeignmemory's map, munmap() and the answer to how much there may be.
//
// QEMU maps a MiB at a time (hw/xen/xen-mapcache.c). What a disk has read or written it unmaps at
// once; that is kept here for the next time (kept_maps.hpp). The rest, what a NIC reaches for
// example, it forgets only when another piece needs its place in a table of 32 GiB. Each MiB takes
// 2 KiB of page tables and an area of the address space, which in a stub domain is memory that it
// has not got: some 36 MiB for a guest of 16 GiB that has been at work for long enough. The table
// is as large as RLIMIT_AS allows, less what QEMU thinks it needs for itself; so that limit is
// answered here, and is not set.
#include "preload/map_cache.hpp"

#include "preload/kept_maps.hpp"
#include "preload/next.hpp"
#include "preload/xen_functions.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace linstub::preload {
namespace {

constexpr rlim64_t most_mapped = rlim64_t{512} << 20; // and as much is kept: 2.3 MiB in all
constexpr rlim64_t for_itself = rlim64_t{80} << 20;   // NON_MCACHE_MEMORY_SIZE

struct Unmap {
  int operator()(void *where, size_t length) const {
    return static_cast<int>(::syscall(SYS_munmap, where, length));
  }
};

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
constinit KeptMaps<Unmap> maps{Unmap{}};
constinit bool keeps = false;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

class Lock {
public:
  Lock() { ::pthread_mutex_lock(&mutex); }
  ~Lock() { ::pthread_mutex_unlock(&mutex); }
  Lock(const Lock &) = delete;
  Lock &operator=(const Lock &) = delete;
};

bool follow_each_other(const xen_pfn_t *frames, size_t count) {
  for (size_t i = 1; i < count; i++) {
    if (frames[i] != frames[0] + i)
      return false;
  }
  return true;
}

bool are_all_there(const int *errors, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (errors[i] != 0)
      return false;
  }
  return true;
}

} // namespace

void keep_maps(bool on) {
  const Lock lock;
  keeps = on;
  maps.forget_all();
}

void forget_maps() {
  const Lock lock;
  maps.forget_all();
}

} // namespace linstub::preload

using linstub::preload::Lock;
using linstub::preload::next;

LINSTUB_EXPORT void *xenforeignmemory_map2(xenforeignmemory_handle *memory, uint32_t domid,
                                           void *where, int protection, int flags, size_t count,
                                           const xen_pfn_t frames[], int errors[]) {
  using namespace linstub::preload;
  static const auto real = next<decltype(::xenforeignmemory_map2)>("xenforeignmemory_map2");
  // Of one domain, the guest, and as QEMU maps memory for its devices.
  const bool ours = where == nullptr && flags == 0 && protection == (PROT_READ | PROT_WRITE) &&
                    count > 0 && errors != nullptr && follow_each_other(frames, count);
  uint64_t generation = 0;
  {
    const Lock lock;
    generation = maps.generation();
    if (where != nullptr)
      maps.forget(where);
    if (void *kept = ours && keeps ? maps.take(frames[0], count) : nullptr; kept != nullptr) {
      for (size_t i = 0; i < count; i++)
        errors[i] = 0;
      return kept;
    }
  }
  void *found = real(memory, domid, where, protection, flags, count, frames, errors);
  if (found != nullptr && ours && are_all_there(errors, count)) {
    const Lock lock;
    if (keeps && maps.generation() == generation)
      maps.lend({frames[0], count, found});
  }
  return found;
}

// glibc's own calls do not come here.
LINSTUB_EXPORT int munmap(void *where, size_t length) noexcept {
  using namespace linstub::preload;
  {
    const Lock lock;
    if (maps.give_back(where, length))
      return 0;
  }
  return Unmap{}(where, length);
}

// Moves pages within the guest's memory.
LINSTUB_EXPORT int xendevicemodel_relocate_memory(xendevicemodel_handle *model, domid_t domid,
                                                  uint32_t size, uint64_t from, uint64_t to) {
  static const auto real =
      next<decltype(::xendevicemodel_relocate_memory)>("xendevicemodel_relocate_memory");
  const int result = real(model, domid, size, from, to);
  linstub::preload::forget_maps();
  return result;
}

LINSTUB_EXPORT int getrlimit64(__rlimit_resource_t resource, rlimit64 *limit) noexcept {
  using namespace linstub::preload;
  static const auto real = next<int(__rlimit_resource_t, rlimit64 *)>("getrlimit64");
  const int result = real(resource, limit);
  if (result == 0 && resource == RLIMIT_AS && limit->rlim_max > most_mapped + for_itself)
    limit->rlim_max = most_mapped + for_itself;
  return result;
}

LINSTUB_EXPORT int setrlimit64(__rlimit_resource_t resource, const rlimit64 *limit) noexcept {
  static const auto real = next<int(__rlimit_resource_t, const rlimit64 *)>("setrlimit64");
  return resource == RLIMIT_AS ? 0 : real(resource, limit);
}
