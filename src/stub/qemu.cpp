// SPDX-License-Identifier: MIT
#include "stub/qemu.hpp"

#include "base/log.hpp"
#include "stub/qemu_calls.hpp"
#include "sys/confine.hpp"
#include "sys/unix_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace linstub::stub {
namespace {

// Device nodes that QEMU opens by itself. Disks are handed over as they appear (frontends.hpp),
// taps as descriptors, /dev/xen/privcmd when it is opened (Callbacks::open). One that this kernel
// does not make is one that QEMU does without.
constexpr std::array qemu_nodes{"/dev/xen/hypercall", "/dev/xen/evtchn", "/dev/xen/gntdev",
                                "/dev/xen/gntalloc",  "/dev/xen/xenbus", "/dev/xen/xenbus_backend"};

// Stands before some functions of the libraries that QEMU names (src/preload/).
constexpr const char *preload_library = "/usr/lib/liblinstub-preload.so";

// Threads count as processes: a QEMU without native asynchronous I/O starts up to 64 of them.
constexpr std::array<sys::Limit, 3> limits{{
    {RLIMIT_CORE, 0},
    {RLIMIT_NPROC, 160},
    {RLIMIT_NOFILE, 1024},
}};

constexpr base::Milliseconds warm_up_timeout{30'000};

// Between fork and exec.
int confine_qemu() {
  return sys::confine({.uid = qemu_uid, .gid = qemu_uid, .oom_score = "0", .limits = limits});
}

} // namespace

base::Result<> warm_up_qemu() {
  base::Command command{.argv = {qemu_program, "-version"},
                        .environment = std::vector<std::string>{"PATH=/usr/bin"}};
  command.before_exec = confine_qemu;
  TRY(base::run_checked(std::move(command), base::Deadline::after(warm_up_timeout)));
  return {};
}

base::Result<std::unique_ptr<Qemu>>
Qemu::start(base::EventLoop &loop, const std::vector<std::string> &arguments,
            const std::vector<int> &keep, const std::vector<std::string> &variables,
            Program::Callbacks callbacks, sys::OpenRequests::Decide open) {
  for (const char *node : qemu_nodes) {
    if (::chown(node, qemu_uid, qemu_uid) != 0 && errno != ENOENT)
      return base::fail_errno(errno, "give {} to QEMU", node);
  }
  base::Command command;
  command.argv.emplace_back(qemu_program);
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment{"PATH=/usr/bin", "HOME=/", "TMPDIR=/tmp",
                                       base::format("LD_PRELOAD={}", preload_library)};
  environment.insert(environment.end(), variables.begin(), variables.end());
  command.environment = std::move(environment);
  command.keep = keep;
  const auto [ours, theirs] = TRY(sys::make_socket_pair(SOCK_DGRAM));
  command.before_exec = [socket = theirs.get()] {
    int error = confine_qemu();
    if (error == 0)
      error = sys::hand_over_opens(socket);
    return error != 0 ? error : sys::allow_only(qemu_calls());
  };

  std::unique_ptr<Qemu> qemu(new Qemu());
  qemu->program_ = TRY(Program::start(loop, std::move(command), std::move(callbacks)));
  TRY(qemu->serve_opens(loop, ours, std::move(open)));
  return qemu;
}

// It registers backends that would live below its own domain's nodes (hw/xen/xen-legacy-backend.c,
// xenstore_mkdir()), and is told of a limit that is not set (preload/map_cache.cpp).
bool is_harmless(std::string_view line) {
  return (line.contains("xs_mkdir device-model/") && line.contains(": failed")) ||
         line.contains("maximum size of virtual memory is not infinity");
}

base::Result<> Qemu::serve_opens(base::EventLoop &loop, const base::Fd &socket,
                                 sys::OpenRequests::Decide open) {
  opens_ = TRY(sys::OpenRequests::receive(socket));
  opens_watch_ =
      TRY(loop.watch(opens_->fd(), EPOLLIN, [this, open = std::move(open)](uint32_t events) {
        if ((events & EPOLLIN) == 0) // it has ended
          return opens_watch_.reset();
        base::log_failure(opens_->serve(open).transform_error(base::doing("QEMU opens a file")));
      }));
  return {};
}

} // namespace linstub::stub
