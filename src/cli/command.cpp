// SPDX-License-Identifier: MIT
#include "cli/command.hpp"

#include "base/log.hpp"

namespace linstub::cli {

void finish(const base::Result<> &result, int status) {
  if (result)
    return;
  base::log_failure(result);
  leave(status);
}

// CLI11's way to end with a status: main() turns it into the exit status, after every destructor.
void leave(int status) { throw CLI::RuntimeError(status); }

} // namespace linstub::cli
