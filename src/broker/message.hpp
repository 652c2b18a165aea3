// SPDX-License-Identifier: MIT
// Message: what the broker and the device model process say to each other (host.hpp): one packet of
// a SOCK_SEQPACKET socket. Both are ours and of one version, but the broker takes the other for
// hostile: every length, value and number of descriptors is compared with a table, and nothing in a
// message is a domid, a path or a program.
//
//     offset  bytes
//          0      2  type
//          2      2  length of the first text
//          4      2  length of the second text
//          6      2  0
//          8      4  number: of a request that is answered, and of that answer; else 0
//         12      4  value
//         16         the texts
//
// Numbers are in the machine's own byte order.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::broker {

enum class Type : uint16_t {
  // Requests, of the device model process.
  create = 1, // value: Which. Answer's value: the domid
  take_over,
  drop_next,
  remove,
  rest_stub,
  wake_stub,
  give_images,
  take_images,
  plug_state, // answer: the file
  unplug_state,
  keep_state,
  finish_restore,
  insert_medium,  // drive, format, a file. Answer's first text: the vdev
  end_insertion,  // value: Insertion
  medium_ejected, // drive
  attach_pci,     // id, address
  pci_taken,      // id
  give_back_pci,  // id
  settle_pci,     // ids, a line each
  cpu_plugged,    // the value of a -device
  cpu_unplugged,  // id
  announce,
  hold_guest, // answer's value: NICs by PV drivers, as bits
  release_guest,
  end_guest,   // value: GuestEnd
  reset_guest, // answer's value: 1 if it was crashed
  crash_guest,
  tell_status,  // value: of phases; error
  tell_upgrade, // value: run::ControlReply::Kind; text
  upgrade_done,
  finished, // value: 1 for a failure; cause. The last one
  alive,    // value: that of `beat`; first text: Turn
  // Events, of the broker.
  answer = 0x100, // value: see the request; the second text: the error, if there is one
  word,           // value: StubWord
  stub_failed,    // why
  qemu_runs,
  stub_gone,    // why
  channel,      // first text: xen::VchanParts; its two descriptors
  next_word,    // as `word`, of the next stub domain
  next_failed,  // why
  next_channel, // as `channel`
  medium,       // second text: the error, if there is one
  guest_gone,
  renamed,   // name
  end_asked, // value: End
  upgrade_asked,
  reset_asked,
  beat, // value: what `alive` has to say
};

enum class Sender : uint8_t { device_model, broker };

struct Message {
  Type type{};
  uint32_t number = 0;
  uint32_t value = 0;
  std::string first;
  std::string second;
  std::vector<base::Fd> files;
};

// What a message of a type may have.
struct Rule {
  Type type{};
  Sender sender{};
  bool answered = false;   // has a number other than 0
  uint32_t most_value = 0; // the largest
  uint16_t first = 0;      // the longest
  uint16_t second = 0;     // the longest
  uint8_t files = 0;       // that many; for an answer, at most
};
std::span<const Rule> rules();

// The longest turn of an event loop, in microseconds, as it stands in `alive`.
struct Turn {
  uint32_t time = 0;
  uint32_t cpu = 0;
};

constexpr size_t header_size = 16;
constexpr size_t longest_text = 2048;
constexpr size_t longest_message = header_size + 2 * longest_text;
constexpr size_t most_files = 2;

// Without the descriptors. Texts that are longer than they may be are cut.
std::string encode(const Message &message);

// `files` is how many descriptors came with it.
base::Result<Message> decode(Sender sender, std::span<const std::byte> bytes, size_t files);

} // namespace linstub::broker
