// SPDX-License-Identifier: MIT
// Line: the stub domain's end of the channel (wire/frame.hpp) for one that does not keep the rules.
// It knows the frames, but neither credit nor order: what is given to it is sent.
#pragma once

#include "base/deadline.hpp"
#include "wire/frame.hpp"

#include <memory>
#include <span>
#include <string_view>
#include <vector>

struct libxenvchan;

namespace linstub::adversary {

struct Frame {
  wire::Header header;
  std::vector<std::byte> payload;
};

class Line {
public:
  // Serves the channel to dom0 where linstub-init would.
  static base::Result<Line> serve();

  // The whole frames that dom0 has sent; waits for at most `limit` if there are none.
  std::vector<Frame> receive(base::Milliseconds limit);

  // Sends bytes as they are, and waits for room. False: dom0 has left.
  bool put(std::span<const std::byte> bytes);
  bool put(const wire::Header &header, std::span<const std::byte> payload = {});

  // As many frames as fit into the ring at once are as good as one: this one does not wait.
  // How many of the bytes were taken.
  size_t put_some(std::span<const std::byte> bytes);

  // Wakes dom0 without a reason.
  void kick();

  // The shared page and all the rest: for lies about it.
  [[nodiscard]] libxenvchan &ring() { return *channel_; }

private:
  struct Close {
    void operator()(libxenvchan *channel) const;
  };
  explicit Line(libxenvchan *channel) : channel_(channel) {}
  void wait(base::Milliseconds limit);

  std::unique_ptr<libxenvchan, Close> channel_;
  std::vector<std::byte> input_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

} // namespace linstub::adversary
