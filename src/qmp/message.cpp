// SPDX-License-Identifier: MIT
#include "qmp/message.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace linstub::qmp {
namespace {

using Json = nlohmann::json;

constexpr size_t longest_name = 64;
constexpr size_t longest_error = 512;

std::string text_of(const Json &json) {
  constexpr int compact = -1;
  constexpr bool ascii = true; // whatever the bytes were, the reader gets plain ASCII
  return json.dump(compact, ' ', ascii, Json::error_handler_t::replace);
}

// In place. "\r" alone would have a terminal write over the line; QEMU's human monitor ends lines
// with "\r\n".
void clean(std::string &text) {
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    const bool end = c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
    if (!end && c != '\t' && (c < 0x20 || c > 0x7e))
      text[i] = '?';
  }
}

// All strings in it, the names of members too; it is no deeper than the splitter lets through.
Json cleaned(Json json) {
  if (json.is_string())
    clean(json.get_ref<std::string &>());
  if (json.is_array()) {
    for (Json &element : json)
      element = cleaned(std::move(element));
  }
  if (!json.is_object())
    return json;
  Json object = Json::object();
  for (auto &[name, value] : json.items()) {
    std::string shown = name;
    clean(shown);
    object[std::move(shown)] = cleaned(std::move(value));
  }
  return object;
}

base::Result<Json> parse_object(std::string_view text) {
  constexpr bool exceptions = false;
  Json json = Json::parse(text, nullptr, exceptions);
  if (json.is_discarded() || !json.is_object())
    return base::fail("the message is not a JSON object");
  return json;
}

// A name that may be looked up and logged: no blanks, no control characters.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

const Json *member(const Json &object, std::string_view name) {
  auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::optional<Json> member_of(std::string_view object, std::string_view name) {
  auto json = parse_object(object);
  const Json *value = json ? member(*json, name) : nullptr;
  return value != nullptr ? std::optional(*value) : std::nullopt;
}

base::Result<uint32_t> version_part(const Json &qemu, std::string_view name) {
  const Json *value = member(qemu, name);
  constexpr uint64_t most = 1'000'000;
  if (value == nullptr || !value->is_number_unsigned() || value->get<uint64_t>() > most)
    return base::fail("a greeting without the version's {} part", name);
  return value->get<uint32_t>();
}

base::Result<FromQemu> parse_greeting(const Json &greeting) {
  const Json *version = greeting.is_object() ? member(greeting, "version") : nullptr;
  const Json *qemu =
      version != nullptr && version->is_object() ? member(*version, "qemu") : nullptr;
  if (qemu == nullptr || !qemu->is_object())
    return base::fail("a greeting without QEMU's version");
  return Version{.major = TRY(version_part(*qemu, "major")),
                 .minor = TRY(version_part(*qemu, "minor")),
                 .micro = TRY(version_part(*qemu, "micro"))};
}

base::Result<FromQemu> parse_reply(const Json &message) {
  Reply reply;
  if (const Json *id = member(message, "id")) {
    if (!id->is_number_unsigned())
      return base::fail("a reply with an id that is not ours");
    reply.id = id->get<uint64_t>();
  }
  if (const Json *result = member(message, "return")) {
    reply.result = text_of(cleaned(*result));
    return reply;
  }
  const Json &error = message.at("error");
  const Json *error_class = error.is_object() ? member(error, "class") : nullptr;
  const Json *text = error.is_object() ? member(error, "desc") : nullptr;
  if (error_class == nullptr || text == nullptr || !error_class->is_string() ||
      !text->is_string() || !is_name(error_class->get_ref<const std::string &>()))
    return base::fail("a malformed error reply");
  reply.error_class = error_class->get<std::string>();
  reply.error = base::printable(text->get_ref<const std::string &>(), longest_error);
  return reply;
}

bool has_type(const Json &value, Type type) {
  switch (type) {
  case Type::boolean:
    return value.is_boolean();
  case Type::integer:
    return value.is_number_integer();
  case Type::string:
    return value.is_string();
  }
  return false;
}

base::Result<> check_members(const Json &object, const std::vector<Member> &members) {
  for (const Member &wanted : members) {
    const Json *value = object.is_object() ? member(object, wanted.name) : nullptr;
    if (value == nullptr || !has_type(*value, wanted.type))
      return base::fail("\"{}\" is missing or of the wrong type", wanted.name);
  }
  return {};
}

std::string with_id(Json message, std::string_view id) {
  if (!id.empty())
    message["id"] = Json::parse(id);
  return text_of(message).append("\r\n");
}

} // namespace

base::Result<std::vector<std::string>> Splitter::feed(std::span<const std::byte> bytes) {
  std::vector<std::string> messages;
  for (std::byte byte : bytes) {
    if (TRY(take(static_cast<char>(byte))))
      messages.push_back(std::exchange(message_, {}));
  }
  return messages;
}

base::Result<bool> Splitter::take(char c) {
  bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
  if (depth_ == 0 && blank)
    return false;
  if (depth_ == 0 && c != '{')
    return base::fail("there is something between the messages that is not JSON");
  if (message_.size() >= limits_.size)
    return base::fail("a message of more than {} bytes", limits_.size);
  message_.push_back(c);
  if (in_string_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
    return false;
  }
  if (c == '"')
    in_string_ = true;
  if ((c == '{' || c == '[') && ++depth_ > limits_.depth)
    return base::fail("a message with more than {} levels", limits_.depth);
  return (c == '}' || c == ']') && --depth_ == 0;
}

base::Result<Command> parse_command(std::string_view text) {
  Json message = TRY(parse_object(text));
  Command command{.name = {}, .arguments = "{}", .id = {}};
  if (const Json *id = member(message, "id"))
    command.id = text_of(*id);
  const Json *name = member(message, "execute");
  if (name == nullptr || !name->is_string() || !is_name(name->get_ref<const std::string &>()))
    return base::fail("QMP input lacks a member 'execute' that names a command");
  command.name = name->get<std::string>();
  if (const Json *arguments = member(message, "arguments")) {
    if (!arguments->is_object())
      return base::fail("QMP input member 'arguments' must be an object");
    command.arguments = text_of(*arguments);
  }
  return command;
}

std::optional<std::string> string_value(std::string_view json) {
  constexpr bool exceptions = false;
  const Json value = Json::parse(json, nullptr, exceptions);
  return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
}

std::optional<std::string> string_member(std::string_view object, std::string_view name) {
  auto value = member_of(object, name);
  if (!value || !value->is_string())
    return std::nullopt;
  return value->get<std::string>();
}

std::optional<bool> bool_member(std::string_view object, std::string_view name) {
  auto value = member_of(object, name);
  if (!value || !value->is_boolean())
    return std::nullopt;
  return value->get<bool>();
}

std::optional<uint64_t> number_member(std::string_view object, std::string_view name) {
  auto value = member_of(object, name);
  if (!value || !value->is_number_unsigned())
    return std::nullopt;
  return value->get<uint64_t>();
}

std::optional<std::vector<std::pair<std::string, std::string>>>
flat_members(std::string_view object) {
  auto json = parse_object(object);
  if (!json)
    return std::nullopt;
  std::vector<std::pair<std::string, std::string>> members;
  for (const auto &[name, value] : json->items()) {
    if (value.is_string())
      members.emplace_back(name, value.get<std::string>());
    else if (value.is_boolean())
      members.emplace_back(name, value.get<bool>() ? "on" : "off");
    else if (value.is_number_unsigned())
      members.emplace_back(name, std::to_string(value.get<uint64_t>()));
    else
      return std::nullopt;
  }
  return members;
}

std::optional<std::string> data_member(const Event &event, std::string_view name) {
  auto data = member_of(event.text, "data");
  return data ? string_member(text_of(*data), name) : std::nullopt;
}

std::vector<std::string> listed_pci_devices(std::string_view result) {
  constexpr bool exceptions = false;
  std::vector<std::string> ids;
  const Json buses = Json::parse(result, nullptr, exceptions);
  if (!buses.is_array())
    return ids;
  for (const Json &bus : buses) {
    const Json *devices = bus.is_object() ? member(bus, "devices") : nullptr;
    if (devices == nullptr || !devices->is_array())
      continue;
    for (const Json &device : *devices) {
      const Json *id = device.is_object() ? member(device, "qdev_id") : nullptr;
      if (id != nullptr && id->is_string())
        ids.push_back(id->get<std::string>());
    }
  }
  return ids;
}

base::Result<FromQemu> parse_from_qemu(std::string_view text) {
  Json message = TRY(parse_object(text));
  if (const Json *greeting = member(message, "QMP"))
    return parse_greeting(*greeting);
  if (member(message, "return") != nullptr || member(message, "error") != nullptr)
    return parse_reply(message);
  const Json *event = member(message, "event");
  if (event == nullptr || !event->is_string() || !is_name(event->get_ref<const std::string &>()))
    return base::fail("a message that is neither greeting nor reply nor event");
  return Event{.name = event->get<std::string>(), .text = text_of(cleaned(std::move(message)))};
}

base::Result<> check_shape(std::string_view result, const Shape &shape) {
  constexpr bool exceptions = false;
  Json json = Json::parse(result, nullptr, exceptions);
  switch (shape.kind) {
  case Kind::nothing:
    if (!json.is_object() || !json.empty())
      return base::fail("a result where none is due");
    return {};
  case Kind::object:
    if (!json.is_object())
      return base::fail("the result is not an object");
    return check_members(json, shape.members);
  case Kind::list:
    if (!json.is_array())
      return base::fail("the result is not a list");
    for (const Json &element : json)
      TRY(check_members(element, shape.members));
    return {};
  case Kind::string:
    break;
  }
  if (!json.is_string())
    return base::fail("the result is not a string");
  return {};
}

std::string greeting(Version version) {
  Json qemu = {{"major", version.major}, {"minor", version.minor}, {"micro", version.micro}};
  Json message;
  message["QMP"] = {{"version", {{"qemu", qemu}, {"package", "Linstub"}}},
                    {"capabilities", Json::array()}};
  return text_of(message).append("\r\n");
}

std::string command(std::string_view name, std::string_view arguments, uint64_t id) {
  Json message = {{"execute", name}, {"id", id}};
  if (!arguments.empty() && arguments != "{}")
    message["arguments"] = Json::parse(arguments);
  return text_of(message).append("\r\n");
}

std::string success(std::string_view result, std::string_view id) {
  Json message;
  message["return"] = Json::parse(result);
  return with_id(std::move(message), id);
}

std::string failure(std::string_view error_class, std::string_view text, std::string_view id) {
  Json message;
  message["error"] = {{"class", error_class}, {"desc", base::printable(text, longest_error)}};
  return with_id(std::move(message), id);
}

std::string quoted(std::string_view text) { return text_of(base::printable(text, text.size())); }

} // namespace linstub::qmp
