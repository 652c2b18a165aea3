// SPDX-License-Identifier: MIT
// Monitor: QMP to the emulator that a lab runs in. That emulator is ours and trusted; what comes
// from QEMU in a stub domain goes through src/qmp instead.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

#include <filesystem>
#include <string>

namespace linstub::lab {

class Monitor {
public:
  // Connects to the emulator's socket, which it may not have made yet.
  static base::Result<Monitor> connect(const std::filesystem::path &socket,
                                       base::Deadline deadline);

  // Runs a command; `arguments` is a JSON object or empty. Returns what it returns, as JSON.
  base::Result<std::string> run(const std::string &command, const std::string &arguments,
                                base::Deadline deadline);

  // Stops the machine and writes its memory and devices to `file`; its disk is not written to any
  // more either.
  base::Result<> save(const std::filesystem::path &file, base::Deadline deadline);

  // Loads what save() wrote into a machine that was started with -incoming defer, and runs it.
  // The file is read in place, so that many machines can start from one.
  base::Result<> load(const std::filesystem::path &file, base::Deadline deadline);

private:
  explicit Monitor(base::Fd socket) : socket_(std::move(socket)) {}
  base::Result<std::string> read_line(base::Deadline deadline);
  base::Result<> allow_mapped_state(base::Deadline deadline);
  base::Result<> await_migration(base::Deadline deadline);

  base::Fd socket_;
  std::string input_;
};

} // namespace linstub::lab
