// SPDX-License-Identifier: MIT
// GuestCalls: what QEMU may not ask of Xen itself it asks of dom0, by way of linstub-init
// (wire/guest_call.hpp; QEMU's side is preload/hypercalls.cpp, which waits for each answer).
#pragma once

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace linstub::stub {

class GuestCalls {
public:
  // Both must outlive it.
  static base::Result<std::unique_ptr<GuestCalls>> open(base::EventLoop &loop,
                                                        xen::Xenstore &xenstore);

  // What QEMU inherits; to be closed here once it has it.
  base::Fd take_end_of_qemu() { return std::move(theirs_); }

  // dom0 has written something: it may be the answer that is waited for.
  void look();

  static constexpr const char *token = "answer"; // of the watch that asks for look()

private:
  GuestCalls(base::EventLoop &loop, xen::Xenstore &xenstore) : loop_(loop), xenstore_(xenstore) {}
  void on_call();
  void answer(int error);

  base::EventLoop &loop_;
  xen::Xenstore &xenstore_;
  base::Fd ours_;
  base::Fd theirs_;
  base::EventLoop::Handle watch_;
  uint64_t serial_ = 0;
  bool asked_ = false; // the last call has no answer yet
};

} // namespace linstub::stub
