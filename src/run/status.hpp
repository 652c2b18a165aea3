// SPDX-License-Identifier: MIT
// What `linstub status` shows: one small file for each guest in /run/linstub, written by its
// linstub-dm. After an orderly end it goes; after a failure it stays and tells why, until the guest
// (by its name) is started again, somebody clears it, or an hour has passed.
#pragma once

#include "base/event_loop.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace linstub::run {

constexpr const char *status_suffix = ".status";

struct Status {
  std::string guest; // its name
  xen::DomId domid{};
  std::optional<xen::DomId> stub_domain;
  int32_t pid = 0;       // of linstub-dm, the broker
  int32_t model_pid = 0; // of its device model process; 0 before that is there
  std::string phase;     // creating, booting, serving, upgrading, ending, failed
  std::string image;     // directory
  std::string version;   // of the image
  std::string kernel;    // its digest, and
  std::string ramdisk;   // that of all else: which image of that version it is
  uint32_t memory = 0;   // MiB of the stub domain
  int64_t since = 0;     // seconds of the Unix epoch
  std::string error;
  base::EventLoop::Turn longest_turn; // of linstub-dm's event loop

  bool operator==(const Status &) const = default;
};

std::string encode(const Status &status);
base::Result<Status> decode_status(std::string_view json);

// The file of a guest of that name.
std::string status_path(const std::string &guest);

base::Result<> write_status(const Status &status);
void remove_status(const std::string &guest);
// That of this linstub-dm: not if another one serves a guest of that name by now.
void remove_status(const Status &own);

// Notes that the linstub-dm of the guest with that domid is dead, and why that is known.
void mark_failed(xen::DomId guest, const std::string &error);

// Its linstub-dm serves the guest, or is on the way to that: one that was killed could not say in
// its file that it has ended.
bool is_alive(const Status &status);

constexpr auto failure_is_shown_for = std::chrono::hours(1);

// All of them, sorted by name. Files that are not to be understood are left out, and those of
// failures that were too long ago.
base::Result<std::vector<Status>> read_all_status();

// Forgets failures.
base::Result<> clear_failed_status();

} // namespace linstub::run
