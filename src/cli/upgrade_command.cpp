// SPDX-License-Identifier: MIT
// linstub upgrade: replaces the device model of a running guest, with its state or by a reset.
#include "base/deadline.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "run/control_socket.hpp"
#include "run/status.hpp"
#include "sys/unix_socket.hpp"
#include "xen/domid.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace linstub::cli {
namespace {

using Kind = run::ControlReply::Kind;

// More than all of linstub-dm's own deadlines for an upgrade together.
constexpr auto longest_upgrade = std::chrono::seconds(200);

struct UpgradeSettings {
  std::string guest; // name or domid
  std::string image;
  bool reset = false;
  bool json = false;
};

base::Result<xen::DomId> find_guest(const std::string &wanted) {
  for (const run::Status &status : TRY(run::read_all_status())) {
    if (status.guest == wanted || base::format("{}", status.domid) == wanted)
      return status.domid;
  }
  return base::fail("no guest {} has a stub domain: `linstub status` lists those that do", wanted);
}

// The next line of the conversation.
base::Result<std::string> next_line(const base::Fd &socket, std::string &buffer,
                                    base::Deadline deadline) {
  for (;;) {
    if (size_t end = buffer.find('\n'); end != std::string::npos) {
      std::string line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      return line;
    }
    pollfd wait{.fd = socket.get(), .events = POLLIN, .revents = 0};
    int ready = ::poll(&wait, 1, static_cast<int>(deadline.left().count()));
    if (ready < 0 && errno != EINTR)
      return base::fail_errno(errno, "wait for linstub-dm");
    if (ready == 0)
      return base::fail("linstub-dm has not answered in time: see /var/log/xen/qemu-dm-*.log");
    std::array<char, 1024> part;
    ssize_t got = ::read(socket.get(), part.data(), part.size());
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
      return base::fail(
          "linstub-dm has ended: see `linstub status` and /var/log/xen/qemu-dm-*.log");
    if (got > 0)
      buffer.append(part.data(), static_cast<size_t>(got));
    if (buffer.size() > run::ControlSocket::longest_line)
      return base::fail("linstub-dm says too much at once");
  }
}

run::UpgradeRequest request_of(const UpgradeSettings &settings) {
  if (settings.reset)
    return {.kind = run::UpgradeRequest::Kind::reset, .image = {}};
  std::error_code error;
  return {.image = settings.image.empty()
                       ? ""
                       : std::filesystem::absolute(settings.image, error).string()};
}

base::Result<> upgrade(const UpgradeSettings &settings) {
  xen::DomId guest = TRY(find_guest(settings.guest));
  auto socket =
      TRY(sys::connect_unix(run::control_path(guest))
              .transform_error(base::doing("talk to linstub-dm of guest {}", settings.guest)));
  TRY(base::write_all(socket, run::encode(request_of(settings))));
  base::Deadline deadline = base::Deadline::after(longest_upgrade);
  std::string buffer;
  for (;;) {
    std::string line = TRY(next_line(socket, buffer, deadline));
    run::ControlReply reply = TRY(run::decode_reply(line));
    if (settings.json)
      std::puts(line.c_str());
    else if (reply.kind != Kind::error)
      std::puts(reply.text.c_str());
    std::fflush(stdout);
    if (reply.kind == Kind::error)
      return base::fail("{}", reply.text);
    if (reply.kind == Kind::done)
      return {};
  }
}

} // namespace

void add_upgrade_command(CLI::App &program) {
  auto settings = std::make_shared<UpgradeSettings>();
  auto *command = program.add_subcommand(
      "upgrade", "Replace QEMU and the stub domain under a running guest, without a reboot");
  command->add_option("domain", settings->guest, "The guest, by name or domid")->required();
  auto *image =
      command->add_option("--image", settings->image,
                          "Directory of the new image; the one in the guest's settings otherwise");
  command
      ->add_flag("--reset", settings->reset,
                 "Carry no state over: the guest is reset, and starts with a new stub domain")
      ->excludes(image);
  command->add_flag("--json", settings->json, "Each line as JSON, for programs");
  command->footer("The guest is paused while its device model's state moves, and notices nothing "
                  "else. If the new\nstub domain does not come up, the guest runs on with a device "
                  "model of the old image.\n\nThe state that moves is the former QEMU's word: if "
                  "the guest may have taken that over, use --reset.\nThen the guest shuts down for "
                  "a reboot, nothing is asked of its stub domain, and on_reboot in its\n"
                  "configuration decides whether it starts again.");
  command->callback([settings] { finish(upgrade(*settings)); });
}

} // namespace linstub::cli
