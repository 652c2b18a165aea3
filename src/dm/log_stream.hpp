// SPDX-License-Identifier: MIT
// LogStream: what the stub domain logs (linstub-init, kernel, QEMU), as lines of linstub-dm's log:
// as many as there is a budget for, and no faster than a pace.
#pragma once

#include "dm/channel.hpp"
#include "dm/log_budget.hpp"
#include "dm/paced_credit.hpp"

#include <string>

namespace linstub::dm {

class LogStream final : public Channel::Stream {
public:
  explicit LogStream(base::EventLoop &loop);
  base::Result<> connect(Channel &channel);
  void disconnect();

private:
  void on_accept() override {}
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override {}
  void on_close(std::string_view) override;

  Channel *channel_ = nullptr;
  wire::StreamId stream_ = 0;
  std::string line_;
  LogBudget budget_;
  PacedCredit credit_;
};

} // namespace linstub::dm
