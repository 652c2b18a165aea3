// SPDX-License-Identifier: MIT
// The two pages in which Xen hands a guest's I/O requests to its device model, as their reader sees
// them (Xen's public/hvm/ioreq.h): a page of requests that a virtual CPU waits for, one for each of
// them, and a ring of writes that none waits for. It is QEMU that answers them, but for one of
// which there is nothing to do.
//
// Nothing in them is trusted: Xen alone writes to them beside QEMU, and what is read is a state and
// two counters that are compared, no index and no length.
#pragma once

#include "preload/page.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace linstub::preload {

class IoreqPages {
public:
  // A request as the page holds it.
  struct Request {
    uint64_t address;
    uint64_t data;
    uint32_t count;
    uint32_t size;
    uint32_t port; // Xen's end of the virtual CPU's event channel
    uint16_t padding;
    uint8_t state; // in the lower four bits
    uint8_t type;
  };
  static_assert(sizeof(Request) == 32);
  static constexpr size_t most_vcpus = page_size / sizeof(Request);
  static constexpr uint8_t state_bits = 0xf;
  static constexpr uint8_t ready = 1;      // STATE_IOREQ_READY
  static constexpr uint8_t response = 3;   // STATE_IORESP_READY
  static constexpr uint8_t invalidate = 8; // IOREQ_TYPE_INVALIDATE

  IoreqPages() = default;
  // `buffered` may be null. Both stay where they are for as long as this lives.
  IoreqPages(void *requests, const void *buffered)
      : requests_(static_cast<Request *>(requests)),
        buffered_(static_cast<const uint32_t *>(buffered)) {}

  // The virtual CPU whose channel has that end in Xen; most_vcpus if none has.
  [[nodiscard]] size_t vcpu_of(uint32_t remote_port) const {
    size_t vcpu = 0;
    while (vcpu < most_vcpus && requests_[vcpu].port != remote_port)
      vcpu++;
    return vcpu;
  }
  [[nodiscard]] bool has_buffered() const { return buffered_ != nullptr; }

  // Whether a virtual CPU waits for an answer. What else is in its request may be read after it.
  [[nodiscard]] bool is_ready(size_t vcpu) const {
    return (__atomic_load_n(&requests_[vcpu].state, __ATOMIC_ACQUIRE) & state_bits) == ready;
  }

  // Whether that request, which is ready, says that the guest has given memory back to Xen. It
  // stays what it is until it is answered.
  [[nodiscard]] bool says_memory_went(size_t vcpu) const {
    return requests_[vcpu].type == invalidate;
  }

  // Answers a request of which there is nothing to do.
  void answer(size_t vcpu) { __atomic_store_n(&requests_[vcpu].state, response, __ATOMIC_RELEASE); }

  // Whether there are writes in the ring that nobody has read: its two counters stand first.
  [[nodiscard]] bool are_buffered() const {
    return buffered_ != nullptr && __atomic_load_n(&buffered_[0], __ATOMIC_ACQUIRE) !=
                                       __atomic_load_n(&buffered_[1], __ATOMIC_ACQUIRE);
  }

private:
  Request *requests_ = nullptr;
  const uint32_t *buffered_ = nullptr;
};

} // namespace linstub::preload
