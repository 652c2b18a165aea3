// SPDX-License-Identifier: MIT
// What Init notices: xenstore, its children, the kernel's messages.
#include "stub/disk_errors.hpp"
#include "stub/init.hpp"
#include "wire/paths.hpp"
#include "xen/ioreq_servers.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace linstub::stub {
namespace {

constexpr auto log_interval = base::Milliseconds(20); // lines of that time go to dom0 together

constexpr auto memory_interval = base::Milliseconds(30'000);

} // namespace

void Init::report_memory() {
  see_to_viewers(); // what is not needed any more goes back to Xen
  memory_timer_ = loop_->at(base::Deadline::after(memory_interval), [this] { report_memory(); });
  const auto now = read_meminfo();
  if (!now)
    return base::log_failure(now, base::LogLevel::warning);
  auto told = memory_.take(*now);
  if (memory_.is_short())
    base::log_warning("memory runs short: {} of {} KiB are left; set more for this guest "
                      "(memory= of Linstub's settings)",
                      now->available, now->total);
  if (told)
    base::log_failure(xenstore_->write(wire::memory_node, *told));
}

void Init::on_xenstore_event() {
  auto events = xenstore_->take_events();
  if (!events)
    return tell(Event::failure, std::move(events).error().message());
  for (const xen::Xenstore::Event &event : *events) {
    if (event.token == "shutdown")
      decline_shutdown();
    if (event.token == GuestCalls::token && calls_)
      calls_->look();
  }
  look_at_devices();
}

// `xl shutdown -a` and `xl reboot -a` ask this domain too, and wait for an answer before they ask
// the next one; it ends with its guest, which is asked as well. The kernel's own answer, which may
// come first, is the same: see CONFIG_STATIC_USERMODEHELPER in its configuration.
void Init::decline_shutdown() {
  auto asked = xenstore_->read_if_there(wire::shutdown_node, 32);
  if (!asked || !*asked || (*asked)->empty())
    return;
  base::log_warning("asked for {} by the toolstack: a stub domain ends with its guest",
                    base::printable(**asked, 32));
  base::log_failure(xenstore_->write(wire::shutdown_node, ""), base::LogLevel::warning);
}

// Orphans of QEMU's come to PID 1, and are reaped here. QEMU itself and its TPM have watches of
// their own.
void Init::on_child_signal() {
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0 ||
        (qemu_ && ended.si_pid == qemu_->pid()) || (tpm_ && ended.si_pid == tpm_->pid()))
      return;
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

// One read is one message: "priority,number,time,flags;text\n" (the kernel's ABI/testing/dev-kmsg).
void Init::on_kernel_message() {
  std::array<char, 2048> buffer;
  ssize_t got = ::read(kernel_messages_.get(), buffer.data(), buffer.size());
  if (got <= 0)
    return; // EPIPE: messages were overwritten before we came
  std::string_view message(buffer.data(), static_cast<size_t>(got));
  size_t text = message.find(';');
  if (text == std::string_view::npos)
    return;
  message.remove_prefix(text + 1);
  message = message.substr(0, message.find('\n'));
  log_.add(base::format("kernel: {}", base::printable(message, 512)));
  if (const auto disk = disk_that_lost_data(message))
    on_lost_data(*disk);
  log_grew();
}

void Init::on_lost_data(const std::string &disk) {
  if (!frontends_ || !std::ranges::contains(frontends_->disks(), disk))
    return;
  const auto forbidden = forbid_writes(disk);
  base::log_failure(forbidden);
  if (!forbidden.value_or(false))
    return;
  lost_.insert(disk);
  base::log_error("disk {}: dom0 could not write what it had been given (is there room, is the "
                  "medium well?), and some of it is lost: the guest's writes to this disk fail "
                  "from now on, until it is started anew",
                  disk);
  report_devices();
}

void Init::on_qemu_end(base::ExitStatus status) {
  // Whatever has ended it: Xen must not go on to send it the guest's requests.
  base::log_failure(xen::destroy_ioreq_servers(settings_.target), base::LogLevel::warning);
  std::string words = last_words_.tail(longest_last_words);
  const char *why =
      status.signal == SIGKILL
          ? "it said nothing, as when the kernel kills it because the stub domain has "
            "too little memory (the setting \"memory\")"
          : "it said nothing";
  tell(Event::qemu_ended, base::format("QEMU {}; {}{}", status.text(),
                                       words.empty() ? why : "its last words: ", words));
}

void Init::log_grew() {
  if (channel_ && !log_timer_) {
    log_timer_ = loop_->at(base::Deadline::after(log_interval), [this] {
      log_timer_.reset();
      if (channel_)
        channel_->log_grew();
    });
  }
}

} // namespace linstub::stub
