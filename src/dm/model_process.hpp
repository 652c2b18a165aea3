// SPDX-License-Identifier: MIT
// ModelProcess: the process that a guest's device model runs in: a fork of linstub-dm without any
// rights (confinement.hpp), behind a socket to the broker, which stays what it was.
#pragma once

#include "base/fd.hpp"
#include "broker/message_socket.hpp"
#include "plan/plan.hpp"

#include <sys/types.h>

namespace linstub::dm {

class ModelProcess {
public:
  // Call it while there is no thread. `socket` is the process's end of the socket, `log` that of a
  // pipe, where its standard output and error go (bounded_log.hpp).
  static base::Result<ModelProcess> start(const plan::Plan &plan, broker::MessageSocket socket,
                                          base::Fd log);
  ModelProcess(ModelProcess &&other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  ModelProcess &operator=(ModelProcess &&) = delete;
  ModelProcess(const ModelProcess &) = delete;
  ModelProcess &operator=(const ModelProcess &) = delete;
  ~ModelProcess(); // kills it

  [[nodiscard]] pid_t pid() const { return pid_; }

private:
  explicit ModelProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_;
};

// Removes the sockets in dom0's file system that the process has listened on: it cannot.
void remove_sockets(const plan::Plan &plan);

} // namespace linstub::dm
