// SPDX-License-Identifier: MIT
#include "plan/consoles.hpp"

#include "wire/options.hpp"

#include <algorithm>
#include <array>

namespace linstub::plan {
namespace {

using base::fail;
using base::Result;

constexpr uint16_t vnc_base = 5900;
constexpr uint16_t most_display = 65535 - vnc_base;

constexpr std::string_view channel_prefix = "libxl-channel";

// Options of -vnc that concern the protocol, and so QEMU.
constexpr std::array<std::string_view, 6> passed_vnc_options{
    "password", "lossy", "non-adaptive", "share", "key-delay-ms", "power-control"};

} // namespace

Result<VncOption> parse_vnc(std::string_view value) {
  if (value == "none")
    return VncOption{.address = std::nullopt, .for_qemu = "none"};
  wire::Options options = wire::Options::parse(value);
  std::string place = options.leader().value_or("");
  size_t colon = place.rfind(':');
  if (place.starts_with("unix:") || colon == std::string::npos)
    return fail("\"{}\" is not address:display", place);
  auto display = xen::parse_number(std::string_view(place).substr(colon + 1), most_display);
  if (!display)
    return fail("\"{}\" is not address:display, with a display from 0 to {}", place, most_display);
  std::string host = place.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) // IPv6
    host = host.substr(1, host.size() - 2);
  uint64_t last =
      TRY(xen::parse_number(options.get_or("to", std::to_string(*display)), most_display));
  VncAddress address{.host = std::move(host),
                     .first_port = static_cast<uint16_t>(vnc_base + *display),
                     .last_port = static_cast<uint16_t>(vnc_base + std::max(*display, last)),
                     .password = options.get_or("password", "off") == "on"};
  options.remove("to");
  for (const wire::Options::Item &item : options.items()) {
    if (!std::ranges::contains(passed_vnc_options, item.key))
      return fail("the VNC option \"{}\" is not served", item.key);
  }
  options.set_leader(base::format("unix:{}", wire::vnc_socket));
  return VncOption{.address = std::move(address), .for_qemu = options.text()};
}

std::string vnc_for_pixels() { return base::format("unix:{}", wire::vnc_socket); }

std::string channel_id(uint32_t number) {
  return base::format("{}{}", channel_prefix, std::to_string(number));
}

Result<std::optional<PvConsole>> parse_channel(std::string_view value) {
  const wire::Options options = wire::Options::parse(value);
  const std::string id = options.get_or("id", "");
  if (!id.starts_with(channel_prefix))
    return std::nullopt;
  const std::string_view number = std::string_view(id).substr(channel_prefix.size());
  PvConsole console{.number = static_cast<uint32_t>(TRY(xen::parse_number(number, UINT16_MAX))),
                    .port = {}};
  const std::string path = options.get_or("path", "");
  if (options.leader() == "pty")
    console.port.kind = SerialKind::pty;
  else if (options.leader() == "socket" && path.starts_with('/') &&
           options.get_or("server", "off") == "on")
    console.port = {.kind = SerialKind::socket, .path = path};
  else
    return fail("a channel leads to a pty, or to a socket at an absolute path");
  return console;
}

Result<SerialPort> parse_serial(std::string_view value) {
  if (value == "pty")
    return SerialPort{.kind = SerialKind::pty, .path = {}};
  if (value == "null" || value == "none")
    return SerialPort{.kind = SerialKind::null, .path = {}};
  if (value.starts_with("/dev/"))
    return SerialPort{.kind = SerialKind::device, .path = std::string(value)};
  if (value.starts_with("file:/"))
    return SerialPort{.kind = SerialKind::file, .path = std::string(value.substr(5))};
  if (value.starts_with("unix:/")) {
    wire::Options options = wire::Options::parse(value.substr(5));
    bool server = options.get_or("server", "off") == "on" ||
                  std::ranges::any_of(options.items(), [](const wire::Options::Item &item) {
                    return item.key == "server" && !item.value; // the older spelling
                  });
    if (server && options.leader())
      return SerialPort{.kind = SerialKind::socket, .path = *options.leader()};
  }
  return fail("linstub-dm serves pty, null, file:/PATH, unix:/PATH,server=on and /dev/NAME");
}

} // namespace linstub::plan
