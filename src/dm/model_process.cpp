// SPDX-License-Identifier: MIT
#include "dm/model_process.hpp"

#include "base/log.hpp"
#include "broker/remote_host.hpp"
#include "dm/confinement.hpp"
#include "dm/device_model.hpp"
#include "sys/confine.hpp"
#include "wire/state_record.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace linstub::dm {
namespace {

using base::Result;

// How large a file it can make of one that it has open for writing: libxl's, for a state. A serial
// port that leads to a file may fill that, as the guest's administrator wants it.
rlim_t largest_file(const plan::Plan &plan) {
  const bool open_ended =
      std::ranges::contains(plan.serial, plan::SerialKind::file, &plan::SerialPort::kind);
  return open_ended ? RLIM_INFINITY : wire::state_disk_size;
}

// What has to be opened is opened before the rights go; an error is for libxl to hear.
Result<std::unique_ptr<DeviceModel>> prepare(base::EventLoop &loop, const plan::Plan &plan,
                                             broker::RemoteHost &host) {
  auto model = TRY(DeviceModel::open(loop, plan, host));
  TRY(confine(*plan.guest, largest_file(plan))
          .transform_error(base::doing("confine the device model")));
  TRY(host.listen(*model));
  return model;
}

Result<> serve(const plan::Plan &plan, broker::MessageSocket socket) {
  auto loop = TRY(base::EventLoop::create());
  // Nobody is there to serve the guest for. What there was, the keeper removes.
  broker::RemoteHost host(*loop, std::move(socket), [] { ::_exit(1); });
  auto model = prepare(*loop, plan, host);
  if (!model) {
    host.finished(std::unexpected(std::move(model).error()));
    return {};
  }
  (*model)->start();
  Result<> served = loop->run();
  host.finished(served ? (*model)->outcome() : served);
  ::_exit(0); // not to remove what is the broker's to remove
}

// Descriptors that were opened for the device model, and are its alone from its start on.
std::vector<int> handed_over(const plan::Plan &plan) {
  std::vector<int> all;
  auto add = [&all](int fd) {
    if (fd >= 0)
      all.push_back(fd);
  };
  for (const plan::MonitorAddress &monitor : plan.monitors)
    add(monitor.fd);
  if (plan.vnc)
    add(plan.vnc->display);
  for (const plan::PvConsole &console : plan.consoles)
    add(console.port.master);
  return all;
}

[[noreturn]] void run(const plan::Plan &plan, broker::MessageSocket socket, const base::Fd &log) {
  ::prctl(PR_SET_NAME, "linstub-model");
  // Its end comes from the broker; a file that is large enough is an error as any other.
  for (int signal : {SIGHUP, SIGTERM, SIGINT, SIGPIPE, SIGXFSZ})
    ::signal(signal, SIG_IGN);
  if (::dup2(log.get(), STDOUT_FILENO) < 0 || ::dup2(log.get(), STDERR_FILENO) < 0)
    ::_exit(1);
  base::set_log("linstub-model", plan.settings.log_level);
  std::vector<int> kept = handed_over(plan);
  for (const int fd : {socket.fd().get(), STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    kept.push_back(fd);
  sys::close_all_but(kept);
  base::log_failure(serve(plan, std::move(socket)));
  ::_exit(1);
}

} // namespace

Result<ModelProcess> ModelProcess::start(const plan::Plan &plan, broker::MessageSocket socket,
                                         base::Fd log) {
  TRY(base::set_nonblocking(log)); // nothing waits for its log
  pid_t pid = ::fork();
  if (pid < 0)
    return base::fail_errno(errno, "start the device model process");
  if (pid == 0)
    run(plan, std::move(socket), log);
  std::ranges::for_each(handed_over(plan), ::close);
  return ModelProcess(pid);
}

ModelProcess::~ModelProcess() {
  if (pid_ < 0)
    return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void remove_sockets(const plan::Plan &plan) {
  for (const plan::MonitorAddress &monitor : plan.monitors) {
    if (monitor.fd < 0)
      ::unlink(monitor.path.c_str());
  }
  auto remove = [](const plan::SerialPort &port) {
    if (port.kind == plan::SerialKind::socket)
      ::unlink(port.path.c_str());
  };
  std::ranges::for_each(plan.serial, remove);
  std::ranges::for_each(plan.consoles, remove, &plan::PvConsole::port);
}

} // namespace linstub::dm
