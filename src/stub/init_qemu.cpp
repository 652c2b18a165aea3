// SPDX-License-Identifier: MIT
// What Init starts for the guest: QEMU, with all that is handed to it, and its TPM beside it.
#include "stub/arguments.hpp"
#include "stub/copied_files.hpp"
#include "stub/init.hpp"
#include "stub/nics.hpp"
#include "stub/panic.hpp"
#include "sys/terminal.hpp"
#include "xen/privcmd.hpp"
#include "xen/vbd.hpp"

#include <unistd.h>

#include <utility>

namespace linstub::stub {
namespace {

using std::chrono::seconds;

constexpr auto copy_timeout = seconds(45); // for all copied files together
constexpr unsigned int start_seconds = 55; // for all that comes before QEMU's exec

} // namespace

base::Result<std::vector<std::string>> Init::qemu_arguments(std::vector<base::Fd> &keep) {
  auto hand = [&keep](base::Fd fd) {
    keep.push_back(std::move(fd));
    return keep.back().get();
  };
  Handover handover{
      .tap = [&](unsigned int nic) -> base::Result<int> {
        std::string link = TRY(frontends_->link_of(nic));
        nics_.emplace_back(nic, link);
        return hand(TRY(join_nic(nic, link)));
      },
      .console = [&](unsigned int console, int flags) -> base::Result<int> {
        return hand(TRY(sys::open_raw_terminal(base::format("/dev/hvc{}", console), flags)));
      },
      .tpm = [&](const std::string &disk) -> base::Result<int> {
        return hand(TRY(start_tpm(disk)));
      },
      .state = [&](StateComes when) -> base::Result<int> { return hand(TRY(state_pipe(when))); },
  };
  return translate(settings_.arguments, settings_.mode, handover,
                   [](const std::string &path) { return ::access(path.c_str(), R_OK) == 0; });
}

// A guest can do without its TPM, as without any device that breaks.
base::Result<base::Fd> Init::start_tpm(const std::string &disk) {
  tpm_ =
      TRY(Tpm::start(*loop_, disk,
                     {.said =
                          [this](std::string_view line) {
                            base::log_info("{}", line); // it says "swtpm: " itself
                            log_grew();
                          },
                      .ended =
                          [this](base::ExitStatus status) {
                            base::log_error("the guest's TPM has ended, and the guest cannot be "
                                            "saved, migrated or given another device model until "
                                            "it reboots: swtpm {}",
                                            status.text());
                            log_grew();
                          }}));
  return tpm_->take_end_of_qemu();
}

// The end that QEMU reads.
base::Result<base::Fd> Init::state_pipe(StateComes when) {
  base::Pipe pipe = TRY(base::make_pipe());
  if (when == StateComes::later)
    awaited_ = std::move(pipe.write);
  else
    TRY(feed_state(std::move(pipe.write)));
  return std::move(pipe.read);
}

// By its node: what /dev has may be on its way out.
std::string Init::plugged_state_disk() {
  for (const char *name : wire::state_disks) {
    const auto state = xen::vbd_number(name).and_then([this](uint32_t number) {
      return xenstore_->read_if_there(base::format("device/vbd/{}/state", number), 16);
    });
    base::log_failure(state, base::LogLevel::warning);
    if (state && *state)
      return base::format("/dev/{}", name);
  }
  return {};
}

base::Result<> Init::feed_state(base::Fd pipe) {
  feed_ =
      TRY(StateFeed::start(*loop_, state_disk_path(), std::move(pipe),
                           base::Deadline::after(copy_timeout), [this](const base::Result<> &end) {
                             if (!end)
                               return tell(Event::failure,
                                           "restore QEMU's state: " + end.error().message());
                             if (lent_)
                               lent_->restored();
                           }));
  return {};
}

base::Result<> Init::open_nics() {
  for (const auto &[nic, link] : nics_)
    TRY(open_nic(nic, link));
  return {};
}

// dom0 says so only once, and to a stub domain whose QEMU waits for it.
void Init::restore() {
  if (!awaited_)
    return base::log_warning("dom0 has a state for a QEMU that does not wait for one");
  auto fed = open_nics().and_then([this] { return feed_state(std::exchange(awaited_, {})); });
  if (!fed)
    tell(Event::failure, "restore QEMU's state: " + fed.error().message());
}

base::Result<> Init::start_qemu() {
  Watchdog watchdog("the start of QEMU", start_seconds);
  TRY(copy_files(settings_.files, base::Deadline::after(copy_timeout)));
  std::vector<base::Fd> keep;
  std::vector<std::string> arguments = TRY(qemu_arguments(keep));
  sockets_ = sockets_of(arguments);
  if (base::log_enabled(base::LogLevel::debug))
    base::log_debug("{} {}", qemu_program, base::join(arguments, " "));
  std::vector<std::string> variables{"LINSTUB_SPIN=" + spin_};
  if (!awaited_)
    TRY(open_nics());
  else
    variables.emplace_back("LINSTUB_AWAITS_STATE=1"); // preload/awaited.cpp
  if (settings_.mode == Mode::linstub && !any_hypercall_) {
    calls_ = TRY(GuestCalls::open(*loop_, *xenstore_));
    keep.push_back(calls_->take_end_of_qemu());
    variables.push_back(base::format("LINSTUB_CALLS={}", keep.back().get()));
  }
  std::vector<int> numbers;
  numbers.reserve(keep.size());
  for (const base::Fd &fd : keep)
    numbers.push_back(fd.get());
  qemu_ = TRY(Qemu::start(*loop_, arguments, numbers, variables,
                          {.said =
                               [this](std::string_view line) {
                                 base::log_info("qemu: {}", line);
                                 if (!is_harmless(line))
                                   last_words_.add(line);
                                 log_grew();
                               },
                           .ended = [this](base::ExitStatus status) { on_qemu_end(status); }},
                          [this](const std::string &path) { return open_for_qemu(path); }));
  base::log_info("QEMU is started, as process {}", qemu_->pid());
  await_sockets();
  return {};
}

// The kernel of a stub domain that was made for this guest has restricted it already.
base::Result<base::Fd> Init::open_for_qemu(const std::string &path) {
  if (path != xen::privcmd_node)
    return pci_->open(path);
  return any_hypercall_ ? xen::open_privcmd() : xen::open_privcmd(settings_.target);
}

} // namespace linstub::stub
