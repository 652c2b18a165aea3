// SPDX-License-Identifier: MIT
#include "broker/message.hpp"

#include <algorithm>
#include <cstring>

namespace linstub::broker {
namespace {

using base::Result;

struct Header {
  uint16_t type = 0;
  uint16_t first = 0;
  uint16_t second = 0;
  uint16_t zero = 0;
  uint32_t number = 0;
  uint32_t value = 0;
};
static_assert(sizeof(Header) == header_size);

constexpr uint16_t name = 256;  // of a guest; an id of QMP's
constexpr uint16_t word = 32;   // a PCI address, a format, the name of a disk
constexpr uint16_t parts = 128; // xen::VchanParts
constexpr uint16_t text = longest_text;
constexpr uint32_t any = UINT32_MAX;
constexpr uint32_t last_domid = 0x7fef;

constexpr auto model = Sender::device_model;
constexpr auto broker = Sender::broker;

constexpr std::array table{
    Rule{.type = Type::create, .sender = model, .answered = true, .most_value = 1},
    Rule{.type = Type::take_over, .sender = model},
    Rule{.type = Type::drop_next, .sender = model},
    Rule{.type = Type::remove, .sender = model, .answered = true},
    Rule{.type = Type::rest_stub, .sender = model},
    Rule{.type = Type::wake_stub, .sender = model},
    Rule{.type = Type::give_images, .sender = model},
    Rule{.type = Type::take_images, .sender = model, .answered = true},
    Rule{.type = Type::plug_state, .sender = model, .answered = true},
    Rule{.type = Type::unplug_state, .sender = model, .answered = true},
    Rule{.type = Type::keep_state, .sender = model, .answered = true},
    Rule{.type = Type::finish_restore, .sender = model, .answered = true},
    Rule{.type = Type::insert_medium,
         .sender = model,
         .answered = true,
         .first = name,
         .second = word,
         .files = 1},
    Rule{.type = Type::end_insertion, .sender = model, .answered = true, .most_value = 1},
    Rule{.type = Type::medium_ejected, .sender = model, .answered = true, .first = name},
    Rule{
        .type = Type::attach_pci, .sender = model, .answered = true, .first = name, .second = word},
    Rule{.type = Type::pci_taken, .sender = model, .first = name},
    Rule{.type = Type::give_back_pci, .sender = model, .first = name},
    Rule{.type = Type::settle_pci, .sender = model, .answered = true, .first = text},
    Rule{.type = Type::cpu_plugged, .sender = model, .first = name},
    Rule{.type = Type::cpu_unplugged, .sender = model, .first = name},
    Rule{.type = Type::announce, .sender = model},
    Rule{.type = Type::hold_guest, .sender = model, .answered = true},
    Rule{.type = Type::release_guest, .sender = model},
    Rule{.type = Type::end_guest, .sender = model, .most_value = 1},
    Rule{.type = Type::reset_guest, .sender = model, .answered = true},
    Rule{.type = Type::crash_guest, .sender = model},
    Rule{.type = Type::tell_status, .sender = model, .most_value = 6, .second = text},
    Rule{.type = Type::tell_upgrade, .sender = model, .most_value = 2, .first = text},
    Rule{.type = Type::upgrade_done, .sender = model},
    Rule{.type = Type::finished, .sender = model, .most_value = 1, .second = text},
    Rule{.type = Type::alive, .sender = model, .most_value = any, .first = sizeof(Turn)},
    Rule{.type = Type::answer,
         .sender = broker,
         .answered = true,
         .most_value = last_domid,
         .first = word,
         .second = text,
         .files = 1},
    Rule{.type = Type::word, .sender = broker, .most_value = 4},
    Rule{.type = Type::stub_failed, .sender = broker, .first = text},
    Rule{.type = Type::qemu_runs, .sender = broker},
    Rule{.type = Type::stub_gone, .sender = broker, .first = text},
    Rule{.type = Type::channel, .sender = broker, .first = parts, .files = 2},
    Rule{.type = Type::next_word, .sender = broker, .most_value = 4},
    Rule{.type = Type::next_failed, .sender = broker, .first = text},
    Rule{.type = Type::next_channel, .sender = broker, .first = parts, .files = 2},
    Rule{.type = Type::medium, .sender = broker, .second = text},
    Rule{.type = Type::guest_gone, .sender = broker},
    Rule{.type = Type::renamed, .sender = broker, .first = name},
    Rule{.type = Type::end_asked, .sender = broker, .most_value = 2},
    Rule{.type = Type::upgrade_asked, .sender = broker},
    Rule{.type = Type::reset_asked, .sender = broker},
    Rule{.type = Type::beat, .sender = broker, .most_value = any},
};

const Rule *rule_of(uint16_t type) {
  const auto *rule = std::ranges::find(table, static_cast<Type>(type), &Rule::type);
  return rule == table.end() ? nullptr : rule;
}

} // namespace

std::span<const Rule> rules() { return table; }

std::string encode(const Message &message) {
  const Rule &rule = *rule_of(static_cast<uint16_t>(message.type));
  std::string_view first = std::string_view(message.first).substr(0, rule.first);
  std::string_view second = std::string_view(message.second).substr(0, rule.second);
  Header header{.type = static_cast<uint16_t>(message.type),
                .first = static_cast<uint16_t>(first.size()),
                .second = static_cast<uint16_t>(second.size()),
                .zero = 0,
                .number = message.number,
                .value = message.value};
  std::string bytes(sizeof header, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes.append(first).append(second);
}

Result<Message> decode(Sender sender, std::span<const std::byte> bytes, size_t files) {
  Header header;
  if (bytes.size() < sizeof header)
    return base::fail("it has {} bytes", bytes.size());
  std::memcpy(&header, bytes.data(), sizeof header);
  const Rule *rule = rule_of(header.type);
  if (rule == nullptr || rule->sender != sender)
    return base::fail("it is of type {:#x}", header.type);
  if (header.first > rule->first || header.second > rule->second || header.zero != 0 ||
      bytes.size() != sizeof header + header.first + header.second)
    return base::fail("its lengths are wrong, for type {:#x}", header.type);
  if ((header.number != 0) != rule->answered || header.value > rule->most_value)
    return base::fail("its number or value is wrong, for type {:#x}", header.type);
  if (files > rule->files || (files != rule->files && rule->type != Type::answer))
    return base::fail("it has {} descriptors, for type {:#x}", files, header.type);
  std::string_view texts(reinterpret_cast<const char *>(bytes.data()) + sizeof header,
                         bytes.size() - sizeof header);
  return Message{.type = rule->type,
                 .number = header.number,
                 .value = header.value,
                 .first = std::string(texts.substr(0, header.first)),
                 .second = std::string(texts.substr(header.first)),
                 .files = {}};
}

} // namespace linstub::broker
