// SPDX-License-Identifier: MIT
// What Init is told of its guest.
#include "stub/init.hpp"
#include "stub/panic.hpp"
#include "wire/paths.hpp"

#include <poll.h>

#include <algorithm>

namespace linstub::stub {

// dom0 writes all that there is to know of the guest in one transaction, once its devices are
// there. While it is nobody's, this domain obeys a toolstack that wants it to shut down: the node
// of that is there from the start, and the kernel takes back what is written to it.
base::Result<> Init::await_guest() {
  if (!spare_)
    return {};
  TRY(xenstore_->watch(wire::version_node, "guest"));
  TRY(xenstore_->watch(wire::shutdown_node, "shutdown"));
  // With each watch comes an event at once; those that come while QEMU warms up are one.
  while (!TRY(is_asked_to_shut_down()))
    ;
  base::log_failure(warm_up_qemu(), base::LogLevel::warning);
  while (!TRY(xenstore_->read_if_there(wire::version_node, 16))) {
    if (!TRY(is_asked_to_shut_down()))
      continue;
    base::log_failure(xenstore_->write(wire::shutdown_node, "")); // an answer
    power_off();
  }
  TRY(xenstore_->unwatch(wire::shutdown_node, "shutdown"));
  return xenstore_->unwatch(wire::version_node, "guest");
}

// Waits for the next events of xenstore: whether one of them says so.
base::Result<bool> Init::is_asked_to_shut_down() {
  pollfd change{.fd = xenstore_->fd(), .events = POLLIN, .revents = 0};
  if (::poll(&change, 1, -1) < 0 && errno != EINTR)
    return base::fail_errno(errno, "wait for xenstore");
  return std::ranges::contains(TRY(xenstore_->take_events()), "shutdown",
                               &xen::Xenstore::Event::token);
}

base::Result<> Init::load_settings() {
  base::LogLevel from_command_line = settings_.log_level;
  settings_ = TRY(read_settings(*xenstore_));
  settings_.log_level = std::max(settings_.log_level, from_command_line);
  base::set_log("linstub-init", settings_.log_level);
  state_.mode = settings_.mode;
  base::log_info("domain {}, device model of domain {}, {} arguments for QEMU, {}", settings_.self,
                 settings_.target, settings_.arguments.size(),
                 settings_.mode == Mode::libxl ? "libxl's own mode" : "started by linstub-dm");
  return {};
}

} // namespace linstub::stub
