// SPDX-License-Identifier: MIT
#include "hypercalls.hpp"

#include "xen/privcmd.hpp"
#include "xen/xen_headers.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <vector>

extern "C" {
#include <xen/hvm/dm_op.h>
#include <xen/sys/privcmd.h>
}

namespace linstub::adversary {

Hypercalls::Hypercalls() {
  if (auto opened = xen::open_privcmd())
    privcmd_ = std::move(*opened);
}

Hypercalls::Hypercalls(xen::DomId only) {
  if (auto opened = xen::open_privcmd(only))
    privcmd_ = std::move(*opened);
}

long Hypercalls::make(unsigned number, const std::array<uint64_t, 5> &args) {
  privcmd_hypercall request{.op = number, .arg = {}};
  std::ranges::copy(args, request.arg);
  const int result = ::ioctl(privcmd_.get(), IOCTL_PRIVCMD_HYPERCALL, &request);
  return result < 0 ? -errno : result;
}

long Hypercalls::device_model_operation(xen::DomId domid, uint32_t operation) {
  xen_dm_op whole{};
  whole.op = operation;
  std::array<uint64_t, 64> more{};
  std::array<privcmd_dm_op_buf, 2> buffers{
      {{.uptr = &whole, .size = sizeof whole}, {.uptr = more.data(), .size = sizeof more}}};
  privcmd_dm_op request{.dom = xen::number(domid), .num = 2, .ubufs = buffers.data()};
  const int result = ::ioctl(privcmd_.get(), IOCTL_PRIVCMD_DM_OP, &request);
  return result < 0 ? -errno : result;
}

long Hypercalls::increase_reservation(unsigned pages) {
  std::vector<xen_pfn_t> frames(pages);
  xen_memory_reservation request{};
  request.extent_start.p = frames.data();
  request.nr_extents = pages;
  request.domid = DOMID_SELF;
  return call(__HYPERVISOR_memory_op, uint64_t{XENMEM_increase_reservation}, &request);
}

void Hypercalls::shutdown_for_suspend() {
  sched_shutdown request{.reason = SHUTDOWN_suspend};
  call(__HYPERVISOR_sched_op, uint64_t{SCHEDOP_shutdown}, &request);
}

} // namespace linstub::adversary
