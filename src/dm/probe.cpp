// SPDX-License-Identifier: MIT
#include "dm/probe.hpp"

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "qmp/session.hpp"
#include "sys/unix_socket.hpp"
#include "wire/options.hpp"
#include "xen/domid.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;

constexpr Milliseconds probe_timeout{30'000};
constexpr Milliseconds farewell_timeout{5'000};
constexpr qmp::Version qemu_version{.major = 10, .minor = 0, .micro = 0};

// libxl looks for run-with and its parameters chroot and user, to confine a QEMU in dom0. There is
// none, so it need not know them; options that libxl does not ask for are left out.
constexpr std::string_view command_line_options =
    R"([{"option":"run-with","parameters":[{"name":"chroot","type":"string"},)"
    R"({"name":"user","type":"string"}]}])";

base::Result<base::Fd> listener_of(std::span<const std::string> arguments) {
  for (size_t i = 0; i + 1 < arguments.size(); i++) {
    if (arguments[i] != "-chardev")
      continue;
    wire::Options options = wire::Options::parse(arguments[i + 1]);
    if (options.leader() != "socket")
      continue;
    if (auto fd = options.get("fd"))
      return base::Fd(static_cast<int>(TRY(xen::parse_number(*fd, 1'000'000))));
    if (auto path = options.get("path"))
      return sys::listen_unix(*path);
  }
  return base::fail("the probe run names no monitor socket");
}

base::Result<> wait_readable(const base::Fd &fd, Deadline deadline) {
  pollfd wait{.fd = fd.get(), .events = POLLIN, .revents = 0};
  int ready = ::poll(&wait, 1, static_cast<int>(deadline.left().count()));
  if (ready < 0 && errno != EINTR)
    return base::fail_errno(errno, "wait for the monitor's client");
  if (ready == 0)
    return base::fail("nobody asked for anything");
  return {};
}

} // namespace

base::Result<> serve_probe(std::span<const std::string> arguments) {
  Deadline deadline = Deadline::after(probe_timeout);
  base::Fd listener = TRY(listener_of(arguments));
  TRY(wait_readable(listener, deadline));
  base::Fd client = TRY(sys::accept_client(listener));

  bool quit = false;
  qmp::ServerSession *self = nullptr;
  qmp::ServerSession session(qemu_version, [&](const qmp::Command &command) {
    if (command.name == "query-command-line-options")
      return self->succeed(command, command_line_options);
    if (command.name == "quit") {
      quit = true;
      return self->succeed(command, "{}");
    }
    self->fail(command, "CommandNotFound", "linstub-dm answers no more than this in a probe run");
  });
  self = &session;
  std::array<std::byte, 4096> buffer;
  for (;;) {
    TRY(base::write_all(client, session.take_output()));
    // After "quit" the client hangs up: to be first would look like a crash to libxl.
    if (quit)
      deadline = deadline.or_earlier(Deadline::after(farewell_timeout));
    if (auto waited = wait_readable(client, deadline); !waited)
      return quit ? base::Result<>() : waited;
    ssize_t got = ::read(client.get(), buffer.data(), buffer.size());
    if (got == 0)
      return {};
    if (got > 0)
      TRY(session.feed(std::span(buffer).first(static_cast<size_t>(got))));
    else if (errno != EAGAIN && errno != EINTR)
      return base::fail_errno(errno, "read from the monitor's client");
  }
}

} // namespace linstub::dm
