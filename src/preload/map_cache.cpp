// SPDX-License-Identifier: MIT
// How much of its guest QEMU keeps mapped. For its emulated devices QEMU maps the guest's memory a
// MiB at a time and forgets a piece only when another one needs its place in a table of 32 GiB
// (hw/xen/xen-mapcache.c). Each MiB takes 2 KiB of page tables and an area of the address space,
// which in a stub domain is memory that it has not got: a guest of 16 GiB that reads its disk long
// enough would take some 36 MiB. The table is as large as RLIMIT_AS allows, less what QEMU thinks
// it needs for itself; so that limit is answered here, and is not set.
#include "preload/next.hpp"

#include <sys/resource.h>

namespace linstub::preload {
namespace {

constexpr rlim64_t most_mapped = rlim64_t{1} << 30; // 2.3 MiB
constexpr rlim64_t for_itself = rlim64_t{80} << 20; // NON_MCACHE_MEMORY_SIZE

} // namespace
} // namespace linstub::preload

LINSTUB_EXPORT int getrlimit64(__rlimit_resource_t resource, rlimit64 *limit) noexcept {
  using namespace linstub::preload;
  static const auto real = next<int(__rlimit_resource_t, rlimit64 *)>("getrlimit64");
  const int result = real(resource, limit);
  if (result == 0 && resource == RLIMIT_AS && limit->rlim_max > most_mapped + for_itself)
    limit->rlim_max = most_mapped + for_itself;
  return result;
}

LINSTUB_EXPORT int setrlimit64(__rlimit_resource_t resource, const rlimit64 *limit) noexcept {
  static const auto real =
      linstub::preload::next<int(__rlimit_resource_t, const rlimit64 *)>("setrlimit64");
  return resource == RLIMIT_AS ? 0 : real(resource, limit);
}
