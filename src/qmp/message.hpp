// SPDX-License-Identifier: MIT
// QMP messages (QEMU's docs/interop/qmp-spec.rst): JSON objects one after the other, told apart
// and parsed with bounds. What QEMU says comes from a stub domain and is hostile; what is passed on
// is always written anew from what was parsed, never copied, and its strings are cleaned: of
// control characters only tab and the ends of lines are left, and bytes outside ASCII become '?',
// since clients show such text on a terminal (xl qemu-monitor-command). JSON itself does not leave
// src/qmp: others see names, numbers, and JSON text that is known to be well-formed.
#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace linstub::qmp {

struct Limits {
  size_t size = 0;  // bytes of one message
  size_t depth = 0; // objects and arrays within each other
};
constexpr Limits client_limits{.size = size_t{64} << 10, .depth = 16};
constexpr Limits qemu_limits{.size = size_t{512} << 10, .depth = 32};

// Cuts a flow of bytes into JSON objects, without a look at what they mean. Holds at most one
// message of the allowed size.
class Splitter {
public:
  explicit Splitter(Limits limits) : limits_(limits) {}

  // The messages that are complete now. An error is for good: too long, too deep, or bytes between
  // messages that are not white space.
  base::Result<std::vector<std::string>> feed(std::span<const std::byte> bytes);

private:
  base::Result<bool> take(char c); // true: a message is complete

  Limits limits_;
  std::string message_;
  size_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

// What a client asks for.
struct Command {
  std::string name;
  std::string arguments; // a JSON object
  std::string id;        // JSON, to be given back in the answer; empty if there was none
};

// A command, or an error whose message suits QMP's "desc".
base::Result<Command> parse_command(std::string_view text);

// What a JSON text that is a string says.
std::optional<std::string> string_value(std::string_view json);

// The string value of a member of a JSON object, if it is there and a string.
std::optional<std::string> string_member(std::string_view object, std::string_view name);

// The same for a boolean, and for a number that is not negative.
std::optional<bool> bool_member(std::string_view object, std::string_view name);
std::optional<uint64_t> number_member(std::string_view object, std::string_view name);

// The members of a JSON object as QEMU's options have their values: texts as they are, numbers,
// "on" and "off". None if one of them is anything else.
std::optional<std::vector<std::pair<std::string, std::string>>>
flat_members(std::string_view object);

struct Version {
  uint32_t major = 0;
  uint32_t minor = 0;
  uint32_t micro = 0;

  bool operator==(const Version &) const = default;
};

// What a command returns, as far as it is checked: the kind of value, and members that must be
// there in an object, or in each object of a list.
enum class Kind { nothing, object, list, string }; // nothing: an object without members
enum class Type { boolean, integer, string };
struct Member {
  std::string_view name;
  Type type{};
};
struct Shape {
  Kind kind = Kind::nothing;
  std::vector<Member> members;
};

struct Reply {
  std::optional<uint64_t> id; // ours are numbers; absent if QEMU could not read the command
  std::string result;         // JSON of "return", its strings clean (below); empty for an error
  std::string error_class;    // for an error: letters only
  std::string error;          // for an error: its text. Hostile: printable ASCII, cut
  [[nodiscard]] bool failed() const { return result.empty(); }
};
struct Event {
  std::string name; // capital letters, digits and underscores
  std::string text; // the whole event as JSON, its strings clean
};
// The string value of a member of an event's "data", if it is there and a string.
std::optional<std::string> data_member(const Event &event, std::string_view name);

// The ids of the devices in a result of query-pci, as far as libxl looks (libxl_pci.c): those of
// the buses themselves, not those behind bridges. What is malformed has none.
std::vector<std::string> listed_pci_devices(std::string_view result);

using FromQemu = std::variant<Version, Reply, Event>; // Version: of the greeting

base::Result<FromQemu> parse_from_qemu(std::string_view text);

// Fails, with what is wrong, if a result is not of the shape.
base::Result<> check_shape(std::string_view result, const Shape &shape);

// Messages to send, each with the line end that libxl waits for.
std::string greeting(Version version);
std::string command(std::string_view name, std::string_view arguments, uint64_t id);
std::string success(std::string_view result, std::string_view id);
std::string failure(std::string_view error_class, std::string_view text, std::string_view id);

// `text` as a JSON string with its quotes. Bytes outside ASCII become '?'.
std::string quoted(std::string_view text);

} // namespace linstub::qmp
