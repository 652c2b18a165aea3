// SPDX-License-Identifier: MIT
#include "dm/own_scope.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"

#include <unistd.h>

#include <sstream>

namespace linstub::dm {
namespace {

using base::Result;

constexpr base::Milliseconds timeout{30'000};
constexpr size_t most = 4096; // bytes of a file of /proc

// This one and its children.
Result<std::vector<pid_t>> processes() {
  const pid_t self = ::getpid();
  std::istringstream children(
      TRY(base::read_file(base::format("/proc/self/task/{}/children", self), most)));
  std::vector<pid_t> all{self};
  for (pid_t child = 0; children >> child;)
    all.push_back(child);
  return all;
}

Result<std::unique_ptr<broker::Helper>> leave(base::EventLoop &loop, xen::DomId guest) {
  if (!is_of_session(TRY(base::read_file("/proc/self/cgroup", most))))
    return nullptr;
  return broker::Helper::start(
      loop, {.argv = scope_command(guest, TRY(processes())), .input = {}},
      base::Deadline::after(timeout), [](const Result<std::string> &made) {
        if (!made)
          base::log_warning("the device model ends with the login session that it was started "
                            "from, and so does its guest: systemd makes no scope for it: {}",
                            made.error().message());
      });
}

} // namespace

// All of a user's are below its slice (systemd's docs/CGROUP_DELEGATION.md).
bool is_of_session(std::string_view cgroup) { return cgroup.contains("/user.slice/"); }

// Signatures and properties: org.freedesktop.systemd1(5), StartTransientUnit().
std::vector<std::string> scope_command(xen::DomId guest, std::span<const pid_t> processes) {
  std::vector<std::string> argv{
      "/usr/bin/busctl", "--quiet", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
      "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))",
      base::format("linstub-{}-{}.scope", guest, processes.front()), "fail",
      "4", // properties
      "Description", "s", base::format("Device model of domain {}", guest), "Slice", "s",
      "system.slice",
      // What comes before another at the start ends after it.
      "Before", "as", "2", "xendomains.service", "libvirt-guests.service", "PIDs", "au",
      std::to_string(processes.size())};
  for (pid_t process : processes)
    argv.push_back(std::to_string(process));
  argv.emplace_back("0"); // auxiliary units
  return argv;
}

std::unique_ptr<broker::Helper> leave_session(base::EventLoop &loop, xen::DomId guest) {
  auto left = leave(loop, guest);
  base::log_failure(left, base::LogLevel::warning);
  return left ? std::move(*left) : nullptr;
}

} // namespace linstub::dm
