// SPDX-License-Identifier: MIT
// What a program is left with when it has given up all rights that it does not need.
#pragma once

#include "base/result.hpp"
#include "sys/call_filter.hpp"

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <span>

namespace linstub::sys {

struct Limit {
  int resource = 0; // RLIMIT_CORE and the like
  rlim_t value = 0; // soft and hard
};

struct Confinement {
  uid_t uid = 0;
  gid_t gid = 0;
  // How eager the kernel is to end the program when memory runs out: "-1000" never, "1000" first.
  // nullptr: as it is.
  const char *oom_score = "0";
  std::span<const Limit> limits;
};

// Turns the calling process, root, into one with that uid and gid, no other group, no capability
// (nor the means to get one: empty bounding set, no_new_privs) and those limits. For use between
// fork and exec: system calls only. Returns an errno value, 0 for success.
int confine(const Confinement &confinement);

// A root directory without anything in it, that nobody can write to and that is mounted nowhere,
// and no network interface. With no descriptor of a directory open there is no way back.
base::Result<> leave_files_and_network();

// What a process of dom0's is left with that reads what comes from a stub domain: that user and
// group, an empty root directory, no network, those limits, and those system calls. For good, and
// not for longer than its parent lives.
base::Result<> confine_for_good(uid_t user, std::span<const Limit> limits,
                                std::span<const AllowedCall> calls);

// The last two parts of it, for a fork of such a process: it ends with its parent, and has those
// system calls.
base::Result<> narrow(std::span<const AllowedCall> calls);

// Takes away limits that somebody else has set. Needs CAP_SYS_RESOURCE.
base::Result<> lift_limits(std::span<const int> resources);

// Sets close-on-exec for every descriptor from 3 on: what libraries opened without it does not
// leak into a child.
void close_all_on_exec();

// Closes all descriptors but these: for a new process, what it has inherited and has no use for. It
// allocates nothing. It sorts `kept`.
void close_all_but(std::span<int> kept);

} // namespace linstub::sys
