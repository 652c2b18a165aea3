// SPDX-License-Identifier: MIT
#include "wire/frame.hpp"

#include "wire/numbers.hpp"

#include <algorithm>

namespace linstub::wire {
namespace {

constexpr std::array<std::byte, 4> magic{std::byte{'L'}, std::byte{'S'}, std::byte{'T'},
                                         std::byte{'B'}};

// The payload sizes that each type may have.
struct Limits {
  FrameType type;
  uint32_t least;
  uint32_t most;
};
constexpr std::array<Limits, 6> limits{{
    {FrameType::hello, 8, 8},
    {FrameType::open, 8, 8},
    {FrameType::accept, 4, 4},
    {FrameType::data, 1, longest_data},
    {FrameType::credit, 1, largest_window},
    {FrameType::close, 0, longest_reason},
}};

} // namespace

HeaderBytes encode(const Header &header) {
  HeaderBytes bytes{};
  bytes[0] = static_cast<std::byte>(header.type);
  put<uint16_t>(std::span(bytes).subspan(2), header.stream);
  put<uint32_t>(std::span(bytes).subspan(4), header.length);
  return bytes;
}

base::Result<Header> decode_header(std::span<const std::byte, header_size> bytes) {
  Header header{.type = static_cast<FrameType>(bytes[0]),
                .stream = get<uint16_t>(bytes.subspan(2)),
                .length = get<uint32_t>(bytes.subspan(4))};
  const auto *limit = std::ranges::find(limits, header.type, &Limits::type);
  if (limit == limits.end())
    return base::fail("unknown frame type {}", std::to_integer<int>(bytes[0]));
  if (bytes[1] != std::byte{0})
    return base::fail("the second byte of a frame is {}, not 0", std::to_integer<int>(bytes[1]));
  if ((header.stream == 0) != (header.type == FrameType::hello))
    return base::fail("a frame of type {} for stream {}", std::to_integer<int>(bytes[0]),
                      header.stream);
  if (header.length < limit->least || header.length > limit->most)
    return base::fail("a frame of type {} with length {}", std::to_integer<int>(bytes[0]),
                      header.length);
  return header;
}

size_t payload_size(const Header &header) {
  return header.type == FrameType::credit ? 0 : header.length;
}

std::array<std::byte, 8> encode_hello() {
  std::array<std::byte, 8> payload{};
  std::ranges::copy(magic, payload.begin());
  put<uint32_t>(std::span(payload).subspan(4), protocol_version);
  return payload;
}

base::Result<> check_hello(std::span<const std::byte> payload) {
  if (payload.size() != 8 || !std::ranges::equal(payload.first(4), magic))
    return base::fail("the other side does not speak Linstub's protocol");
  auto version = get<uint32_t>(payload.subspan(4));
  if (version != protocol_version)
    return base::fail("the other side speaks version {} of the protocol, this one version {}",
                      version, protocol_version);
  return {};
}

std::array<std::byte, 8> encode(const Open &open) {
  std::array<std::byte, 8> payload{};
  payload[0] = static_cast<std::byte>(open.service);
  payload[1] = static_cast<std::byte>(open.index);
  put<uint32_t>(std::span(payload).subspan(4), open.window);
  return payload;
}

base::Result<Open> decode_open(std::span<const std::byte> payload) {
  if (payload.size() != 8 || payload[2] != std::byte{0} || payload[3] != std::byte{0})
    return base::fail("a malformed open");
  Open open{.service = static_cast<Service>(payload[0]),
            .index = std::to_integer<uint8_t>(payload[1]),
            .window = get<uint32_t>(payload.subspan(4))};
  if (open.service < Service::qmp || open.service > Service::restore)
    return base::fail("an open for the unknown service {}", std::to_integer<int>(payload[0]));
  if (open.window == 0 || open.window > largest_window)
    return base::fail("an open with a window of {} bytes", open.window);
  return open;
}

std::array<std::byte, 4> encode_window(uint32_t window) {
  std::array<std::byte, 4> payload{};
  put<uint32_t>(payload, window);
  return payload;
}

base::Result<uint32_t> decode_window(std::span<const std::byte> payload) {
  if (payload.size() != 4)
    return base::fail("an accept of {} bytes", payload.size());
  auto window = get<uint32_t>(payload);
  if (window == 0 || window > largest_window)
    return base::fail("an accept with a window of {} bytes", window);
  return window;
}

} // namespace linstub::wire
