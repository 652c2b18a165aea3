// SPDX-License-Identifier: MIT
// LogStream: what the stub domain logs (linstub-init, kernel, QEMU), as lines of linstub-dm's log.
#pragma once

#include "dm/channel.hpp"

#include <string>

namespace linstub::dm {

class LogStream final : public Channel::Stream {
public:
  base::Result<> connect(Channel &channel);
  void disconnect();

private:
  void on_accept() override {}
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override {}
  void on_close(std::string_view) override { channel_ = nullptr; }

  Channel *channel_ = nullptr;
  wire::StreamId stream_ = 0;
  std::string line_;
};

} // namespace linstub::dm
