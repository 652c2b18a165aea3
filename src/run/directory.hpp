// SPDX-License-Identifier: MIT
// The run directory of dom0, /run/linstub: of each guest the status (status.hpp), the socket on
// which its linstub-dm is asked (control_socket.hpp), and the files behind its copied files
// (disk/); and the records of spare stub domains (spares.hpp). It lies in memory, only root writes
// there, and nothing of it outlives a reboot.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

#include <string>
#include <string_view>

namespace linstub::run {

// Where it is on a host.
constexpr const char *host_directory = "/run/linstub";

// Where it is: there; or, in a unit test, at a place of that test's own, since tests link another
// function of this name (tests/fake/run_directory.cpp). So there is nothing in the programs that
// could be set to another place.
const char *directory();

// Makes it. That it is there already is no error.
base::Result<> make_directory();

// The path there of what one guest has besides its status: a file or a socket.
std::string path_of(xen::DomId guest, std::string_view label);

// The labels of the records of its stub domains (stubdom/ownership.hpp) begin so. They stay until
// each of those is proved to be gone.
constexpr std::string_view stub_record = "stub-";

// Removes all of that guest's that has such a path, but for those records: for when its linstub-dm
// has died.
void remove_files(xen::DomId guest);

} // namespace linstub::run
