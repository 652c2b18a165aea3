// SPDX-License-Identifier: MIT
#include "dm/log_stream.hpp"

#include "base/log.hpp"

namespace linstub::dm {
namespace {

constexpr uint32_t window = 16 << 10;
constexpr size_t longest_line = 512;

} // namespace

base::Result<> LogStream::connect(Channel &channel) {
  stream_ = TRY(channel.open(wire::Service::log, 0, window, *this));
  channel_ = &channel;
  return {};
}

void LogStream::disconnect() {
  if (channel_ != nullptr)
    channel_->close(stream_);
  channel_ = nullptr;
  line_.clear();
}

void LogStream::on_data(std::span<const std::byte> bytes) {
  for (std::byte byte : bytes) {
    char c = static_cast<char>(byte);
    if (c != '\n')
      line_.push_back(c);
    if (c == '\n' || line_.size() >= longest_line) {
      while (line_.ends_with('\r'))
        line_.pop_back();
      base::log_info("stub domain: {}", line_);
      line_.clear();
    }
  }
  if (channel_ != nullptr)
    channel_->consume(stream_, bytes.size());
}

} // namespace linstub::dm
