// SPDX-License-Identifier: MIT
// What bounds the log of linstub-dm, a file of dom0 that nobody rotates as long as the guest lives:
// neither what the processes are asked to do nor a device model process that was taken over fills
// dom0's disk with it.
#pragma once

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "dm/log_budget.hpp"

#include <memory>
#include <string>

namespace linstub::dm {

// The lines that this process logs, with those of its helpers, as long as it lives. One at a time.
class BoundedLog {
public:
  static constexpr LogBudget::Size size = LogBudget::of_a_stub_domain;

  BoundedLog();
  BoundedLog(const BoundedLog &) = delete;
  BoundedLog &operator=(const BoundedLog &) = delete;
  ~BoundedLog();

private:
  LogBudget budget_{"linstub-dm", size};
};

// Takes what the device model process, or the display, writes on its standard error, through a
// pipe, into the log of this process, marked as what that one says.
class ModelLog {
public:
  // Of what is logged there, the stub domain's lines and QEMU's events have budgets of their own:
  // a process that was not taken over has enough.
  static constexpr LogBudget::Size size{
      .burst = uint64_t{512} << 10, .per_second = 1024, .total = uint64_t{24} << 20};

  // `pipe` is the end to read from. So much is taken from it in an interval, however much there is.
  static constexpr size_t share = size_t{16} << 10;
  static constexpr base::Milliseconds interval{20};
  // `who` writes into it: a literal.
  static base::Result<std::unique_ptr<ModelLog>> open(base::EventLoop &loop, base::Fd pipe,
                                                      std::string_view who = "linstub-model");
  ModelLog(const ModelLog &) = delete;
  ModelLog &operator=(const ModelLog &) = delete;
  ~ModelLog(); // when the process has ended: takes what is left

private:
  ModelLog(base::EventLoop &loop, base::Fd pipe, std::string_view who)
      : loop_(loop), pipe_(std::move(pipe)), mark_(base::format("{}: ", who)), budget_(who, size) {}
  size_t take();
  void add(char c);
  void end_line();

  base::EventLoop &loop_;
  base::Fd pipe_;
  std::string mark_;
  std::string line_;
  LogBudget budget_;
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle pause_;
};

} // namespace linstub::dm
