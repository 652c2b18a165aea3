// SPDX-License-Identifier: MIT
// linstub upgrade: replaces the device model of a running guest, with its state or by a reset.
#include "base/deadline.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/migration.hpp"
#include "run/control_socket.hpp"
#include "run/status.hpp"
#include "sys/unix_socket.hpp"
#include "xen/domid.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

namespace linstub::cli {
namespace {

using Kind = run::ControlReply::Kind;

// More than all of linstub-dm's own deadlines for an upgrade together.
constexpr auto longest_upgrade = std::chrono::seconds(400);

struct UpgradeSettings {
  std::string guest; // name or domid
  std::string image;
  bool all = false; // guests, so many at a time
  unsigned parallel = 1;
  bool reset = false;
  bool migrate = false; // those that cannot be upgraded where they are
  bool json = false;
};

// The code of the error of an upgrade in whose place there can be a migration.
constexpr int migration_helps = EISCONN;

// Takes what linstub-dm says of a guest, until the end.
using Hear = std::function<void(const run::ControlReply &reply)>;

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

base::Result<> upgrade(xen::DomId guest, const run::UpgradeRequest &request, const Hear &hear) {
  auto socket = TRY(sys::connect_unix(run::control_path(guest))
                        .transform_error(base::doing("talk to its linstub-dm")));
  TRY(base::write_all(socket, run::encode(request)));
  base::Deadline deadline = base::Deadline::after(longest_upgrade);
  std::string buffer;
  for (;;) {
    std::string line = TRY(next_line(socket, buffer, deadline));
    run::ControlReply reply = TRY(run::decode_reply(line));
    hear(reply);
    if (reply.kind == Kind::error)
      return std::unexpected(base::Error(reply.text, reply.migrate ? migration_helps : 0));
    if (reply.kind == Kind::done)
      return {};
  }
}

// Where the guest is; or, if its drivers do not have that and the user does, by a migration.
base::Result<> upgrade_or_migrate(xen::DomId guest, const UpgradeSettings &settings,
                                  const Hear &hear) {
  auto upgraded = upgrade(guest, request_of(settings), [&](const run::ControlReply &reply) {
    if (!reply.migrate || !settings.migrate)
      hear(reply);
  });
  if (upgraded || upgraded.error().code() != migration_helps || !settings.migrate)
    return upgraded;
  hear({.text = "its PV drivers have to connect anew: migrating it to this host"});
  if (auto migrated =
          migrate_to_this_host(guest, [&](const std::string &line) { hear({.text = line}); });
      !migrated) {
    hear({.kind = Kind::error, .text = migrated.error().message()});
    return migrated;
  }
  hear({.kind = Kind::done,
        .text = "the guest runs, with another domid, and is served by a new stub domain"});
  return {};
}

base::Result<> upgrade_one(const UpgradeSettings &settings) {
  return upgrade_or_migrate(TRY(find_guest(settings.guest)), settings,
                            [&](const run::ControlReply &reply) {
                              if (settings.json)
                                std::fputs(run::encode(reply).c_str(), stdout);
                              else if (reply.kind != Kind::error)
                                std::puts(reply.text.c_str());
                              std::fflush(stdout);
                            });
}

// Guests that wait for an upgrade, and what has come of the others: for several threads.
class Upgrades {
public:
  Upgrades(std::vector<run::Status> guests, const UpgradeSettings &settings)
      : guests_(std::move(guests)), settings_(settings) {}

  // Of one after the other, as long as there are any.
  void work() {
    while (const run::Status *guest = next()) {
      auto done = upgrade_or_migrate(guest->domid, settings_, [&](const run::ControlReply &reply) {
        say(guest->guest, reply);
      });
      end(guest->guest, done);
    }
  }

  base::Result<> outcome() const {
    if (!failed_.empty())
      return base::fail("{} of {} guests were not upgraded: {}; they run on", failed_.size(),
                        guests_.size(), base::join(failed_, ", "));
    if (!settings_.json)
      std::printf("%zu guests were upgraded\n", guests_.size());
    return {};
  }

private:
  const run::Status *next() {
    const std::scoped_lock lock(mutex_);
    return next_ < guests_.size() ? &guests_[next_++] : nullptr;
  }
  void say(const std::string &guest, const run::ControlReply &reply) {
    const std::scoped_lock lock(mutex_);
    if (settings_.json) {
      auto line = nlohmann::json::parse(run::encode(reply));
      line["guest"] = guest;
      std::puts(line.dump().c_str());
    } else {
      std::printf("[%zu/%zu] %s: %s\n", ended_ + 1, guests_.size(), guest.c_str(),
                  reply.text.c_str());
    }
    std::fflush(stdout);
  }
  void end(const std::string &guest, const base::Result<> &done) {
    const std::scoped_lock lock(mutex_);
    ended_++;
    if (!done)
      failed_.push_back(guest);
  }

  const std::vector<run::Status> guests_;
  const UpgradeSettings &settings_;
  std::mutex mutex_; // of all below
  size_t next_ = 0;
  size_t ended_ = 0;
  std::vector<std::string> failed_;
};

base::Result<> upgrade_all(const UpgradeSettings &settings) {
  std::vector<run::Status> guests = TRY(run::read_all_status());
  std::erase_if(guests, [](const run::Status &status) {
    return status.phase == "failed" || !run::is_alive(status);
  });
  Upgrades upgrades(std::move(guests), settings);
  {
    std::vector<std::jthread> workers;
    workers.reserve(settings.parallel);
    for (unsigned i = 0; i < settings.parallel; i++)
      workers.emplace_back([&] { upgrades.work(); });
  }
  return upgrades.outcome();
}

} // namespace

void add_upgrade_command(CLI::App &program) {
  auto settings = std::make_shared<UpgradeSettings>();
  auto *command = program.add_subcommand(
      "upgrade", "Replace QEMU and the stub domain under a running guest, without a reboot");
  auto *which = command->add_option_group("guests");
  which->add_option("domain", settings->guest, "The guest, by name or domid");
  auto *all = which->add_flag("--all", settings->all, "All guests that have a stub domain");
  which->require_option(1);
  command
      ->add_option("--parallel", settings->parallel,
                   "With --all: so many at a time; the host needs the memory for as many more stub "
                   "domains")
      ->needs(all)
      ->check(CLI::Range(1U, 64U));
  auto *image =
      command->add_option("--image", settings->image,
                          "Directory of the new image; the one in the guest's settings otherwise");
  auto *migrate = command->add_flag(
      "--migrate", settings->migrate,
      "A guest whose PV drivers have disks from its stub domain is migrated to this host itself");
  migrate->excludes(image);
  command
      ->add_flag("--reset", settings->reset,
                 "Carry no state over: the guest is reset, and starts with a new stub domain")
      ->excludes(image)
      ->excludes(migrate)
      ->excludes(all);
  command->add_flag("--json", settings->json, "Each line as JSON, for programs");
  command->footer(
      "The next stub domain is made while the guest runs, which is paused only while its "
      "device model's\nstate moves, and notices nothing else. If the next stub domain "
      "does not come up, the guest runs on\nwith the one that it has.\n\n"
      "PV drivers that have a qcow2 disk from the stub domain do not look for another one while "
      "their guest\nruns: it is refused, or, with --migrate, handed to `xl migrate`. The host has "
      "the guest's memory\ntwice meanwhile, the guest gets another domid, and is away for as long "
      "as its stub domain takes to\nboot.\n\n"
      "The state that moves is the former QEMU's word: if the guest may have taken that "
      "over, use --reset.\nThen the guest shuts down for a reboot, nothing is asked of "
      "its stub domain, and on_reboot in its\nconfiguration decides whether it starts "
      "again.");
  command->callback(
      [settings] { finish(settings->all ? upgrade_all(*settings) : upgrade_one(*settings)); });
}

} // namespace linstub::cli
