// SPDX-License-Identifier: MIT
// Tpm: the guest's TPM 2.0. swtpm emulates it, in a process of its own beside QEMU, which carries
// what the guest and it say to each other. QEMU is told all that the TPM holds when it asks, since
// that is how a TPM is saved; so what keeps its secrets is the domain. The two processes keep each
// other's mistakes apart.
//
// Its state is on a disk of its own, in swtpm's "linear" form (disk/tpm_state.hpp).
#pragma once

#include "base/fd.hpp"
#include "stub/program.hpp"
#include "sys/call_filter.hpp"

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>

namespace linstub::stub {

constexpr const char *tpm_program = "/usr/bin/swtpm";

// Its user and group: neither root's nor QEMU's.
constexpr uid_t tpm_uid = 101;

// Between fork and exec, for root: what swtpm is left with. Returns an errno value, 0 for success.
int confine_tpm();

// The system calls that it may make.
std::span<const sys::AllowedCall> tpm_calls();

// Its arguments, argv[0] among them: for the state in that file, controlled by that socket.
std::vector<std::string> tpm_command(const std::string &state, int control);

class Tpm {
public:
  // Gives it the disk ("xvdc") and starts it. The guest goes on without it if it ends.
  static base::Result<std::unique_ptr<Tpm>> start(base::EventLoop &loop, const std::string &disk,
                                                  Program::Callbacks callbacks);

  // The socket that QEMU controls it by. Once.
  base::Fd take_end_of_qemu() { return std::move(end_of_qemu_); }

  [[nodiscard]] pid_t pid() const { return program_->pid(); }

private:
  Tpm(std::unique_ptr<Program> program, base::Fd end_of_qemu)
      : program_(std::move(program)), end_of_qemu_(std::move(end_of_qemu)) {}

  std::unique_ptr<Program> program_;
  base::Fd end_of_qemu_;
};

} // namespace linstub::stub
