// SPDX-License-Identifier: MIT
#include "dm/log_stream.hpp"

#include "base/log.hpp"

namespace linstub::dm {
namespace {

constexpr uint32_t window = 16 << 10;
constexpr size_t longest_line = 512;
constexpr uint64_t burst = uint64_t{256} << 10;
constexpr uint64_t per_second = uint64_t{32} << 10;

} // namespace

LogStream::LogStream(base::EventLoop &loop) : credit_(loop, burst, per_second) {}

base::Result<> LogStream::connect(Channel &channel) {
  stream_ = TRY(channel.open(wire::Service::log, 0, window, *this));
  channel_ = &channel;
  credit_.start(channel, stream_);
  return {};
}

void LogStream::disconnect() {
  if (channel_ != nullptr)
    channel_->close(stream_);
  channel_ = nullptr;
  credit_.stop();
  line_.clear();
}

void LogStream::on_close(std::string_view) {
  channel_ = nullptr;
  credit_.stop();
}

void LogStream::on_data(std::span<const std::byte> bytes) {
  const auto now = base::Clock::now();
  for (std::byte byte : bytes) {
    char c = static_cast<char>(byte);
    if (c != '\n')
      line_.push_back(c);
    if (c == '\n' || line_.size() >= longest_line) {
      while (line_.ends_with('\r'))
        line_.pop_back();
      if (budget_.admits(line_, now))
        base::log_info("stub domain: {}", line_);
      line_.clear();
    }
  }
  credit_.consume(bytes.size());
}

} // namespace linstub::dm
