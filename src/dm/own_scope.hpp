// SPDX-License-Identifier: MIT
// The unit of systemd's that the processes of a device model are in.
//
// libxl starts linstub-dm as a child of xl, and so, where somebody has typed that, in the scope of
// his login session. At dom0's shutdown the sessions end first or at the same time as everything
// else, with SIGTERM and SIGHUP to all in them: a guest would crash that xendomains is about to
// save or to shut down. So they move to a scope of their own, which ends after that.
#pragma once

#include "base/event_loop.hpp"
#include "broker/helper.hpp"
#include "xen/domid.hpp"

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::dm {

// Whether a process is part of somebody's session, by what its /proc/PID/cgroup says.
bool is_of_session(std::string_view cgroup);

// The command that has systemd make the scope, of those processes.
std::vector<std::string> scope_command(xen::DomId guest, std::span<const pid_t> processes);

// Leaves the session that this process and its children are in, if they are in one; in the
// background, with a warning if it cannot be done. What is returned must outlive that.
std::unique_ptr<broker::Helper> leave_session(base::EventLoop &loop, xen::DomId guest);

} // namespace linstub::dm
