// SPDX-License-Identifier: MIT
// QEMU's arguments, as dom0 wrote them, turned into those that fit this domain.
#pragma once

#include "base/result.hpp"
#include "stub/lifecycle.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace linstub::stub {

constexpr size_t most_arguments = 512;
constexpr size_t most_argument_bytes = size_t{128} << 10;

// Whether the state that QEMU restores is on the state disk already, or dom0 says when it is.
enum class StateComes : uint8_t { now, later };

// Descriptors that QEMU inherits in place of names that mean nothing here.
struct Handover {
  // Opens the tap over the frontend device/vif/<nic>; its number in QEMU.
  std::function<base::Result<int>(unsigned int nic)> tap;
  // libxl's mode only. Opens /dev/hvc<console> raw, for reading or for writing.
  std::function<base::Result<int>(unsigned int console, int flags)> console;
  // Starts a TPM whose state is on that disk ("xvdc"): the socket that QEMU controls it by.
  std::function<base::Result<int>(const std::string &disk)> tpm;
  // The pipe that the state on the state disk comes through.
  std::function<base::Result<int>(StateComes when)> state;
};

// Both modes: `-netdev type=tap,id=net<n>,ifname=…,script=…` becomes `tap,id=net<n>,fd=<tap(n)>`.
// A tap whose id is not net<n>, and a NIC that is named twice, are errors: a wrong guess would join
// the guest to another network.
// linstub-dm's mode: wire::incoming_argument and wire::awaited_argument become the descriptor that
// the saved state comes from, wire::tpm_argument the socket of a TPM. libxl's mode (Xen's
// docs/misc/stubdom.txt): a monitor on wire::qmp_socket, the save console as fdset 1, and the
// restore console in place of $STUBDOM_RESTORE_INCOMING_ARG. A direct-boot file
// (-kernel, -initrd) of which `files_here` says no is an error: the path is one of dom0.
base::Result<std::vector<std::string>>
translate(std::span<const std::string> arguments, Mode mode, const Handover &handover,
          const std::function<bool(const std::string &)> &files_here);

// The disk that a TPM has its state on; none if the guest has no TPM, as in libxl's mode. An error:
// what stands there is no disk.
base::Result<std::optional<std::string>> tpm_disk_of(std::span<const std::string> arguments,
                                                     Mode mode);

// The numbers of the PV consoles that the domain needs besides the first ("1", "2", ...), in
// libxl's mode: libxl always makes a restore console, but nobody serves it unless there is a state.
std::set<std::string> consoles_of(std::span<const std::string> arguments, Mode mode);

// The sockets of wire/paths.hpp that QEMU makes when started with these arguments.
std::vector<std::string> sockets_of(std::span<const std::string> arguments);

} // namespace linstub::stub
