// SPDX-License-Identifier: MIT
// The frames of the channel between linstub-dm in dom0 and linstub-init in the stub domain.
//
// One vchan carries many streams (QMP, VNC clients, serial ports, the log), each a flow of bytes
// both ways with a credit of its own, so that a slow VNC client cannot hold up QMP. A frame is a
// header of 8 bytes and a payload, all numbers little endian:
//
//     offset  size
//     0       1     type
//     1       1     zero
//     2       2     stream, 1 to 65535; 0 for hello
//     4       4     hello, open, close, data: payload bytes that follow; credit: bytes granted
//
//     type        sent by   payload
//     1 hello     both      8 bytes: magic "LSTB", protocol version (u32). First frame of each side
//     2 open      dom0      8 bytes: service (u8), index (u8), zero (u16), window (u32)
//     3 accept    stub      4 bytes: window (u32)
//     4 data      both      1 to 16384 bytes
//     5 credit    both      none: the length field says how many more bytes may be sent
//     6 close     both      0 to 256 bytes of text: why. The last frame of that side on a stream
//
// A window is how many bytes of data the sender of the frame is ready to buffer. Stream numbers are
// chosen by dom0, and free again when both sides have sent close. The stub domain never opens a
// stream. Anything else is a protocol error: the other side is then not to be trusted, and the
// channel ends.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace linstub::wire {

constexpr uint32_t protocol_version = 1;
constexpr size_t header_size = 8;
constexpr size_t longest_data = 16384;
constexpr size_t longest_reason = 256;
constexpr uint32_t largest_window = uint32_t{1} << 20;

enum class FrameType : uint8_t { hello = 1, open, accept, data, credit, close };

// What a stream leads to in the stub domain. `index` counts lines from 0 (paths.hpp).
enum class Service : uint8_t {
  qmp = 1,     // QEMU's monitor
  vnc = 2,     // a new VNC connection to QEMU
  serial = 3,  // the guest's emulated serial port or PV console `index`
  log = 4,     // lines of linstub-init, the kernel and QEMU; the stub domain sends only
  save = 5,    // from QEMU's save pipe to the state disk (state_record.hpp), which dom0 has just
               // attached: accepted when QEMU can be told to save; one byte `committed` and a close
               // without a reason when the state is on the disk, a close with a reason if it is not
  retire = 6,  // never accepted: ends QEMU, whose state is saved, and then the domain
  restore = 7, // never accepted: QEMU, which waits for a state, gets the one that is on the state
               // disk now
};

using StreamId = uint16_t;

struct Header {
  FrameType type{};
  StreamId stream = 0;
  uint32_t length = 0; // payload bytes; for credit: bytes granted
};

struct Open {
  Service service{};
  uint8_t index = 0;
  uint32_t window = 0;

  bool operator==(const Open &) const = default;
};

using HeaderBytes = std::array<std::byte, header_size>;

HeaderBytes encode(const Header &header);

// Checks type, the zero byte, the stream number and the length against the type's limits.
base::Result<Header> decode_header(std::span<const std::byte, header_size> bytes);

// How many bytes follow a header: its length, except for credit.
size_t payload_size(const Header &header);

std::array<std::byte, 8> encode_hello();
base::Result<> check_hello(std::span<const std::byte> payload);

std::array<std::byte, 8> encode(const Open &open);
base::Result<Open> decode_open(std::span<const std::byte> payload);

std::array<std::byte, 4> encode_window(uint32_t window);
base::Result<uint32_t> decode_window(std::span<const std::byte> payload);

} // namespace linstub::wire
