// SPDX-License-Identifier: MIT
#include "stub/init.hpp"

#include "stub/arguments.hpp"
#include "stub/copied_files.hpp"
#include "stub/disk_errors.hpp"
#include "stub/panic.hpp"
#include "sys/mount.hpp"
#include "sys/uevent.hpp"
#include "sys/unix_socket.hpp"
#include "wire/kernel_options.hpp"
#include "wire/paths.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace linstub::stub {
namespace {

using base::Milliseconds;
using std::chrono::seconds;

constexpr size_t log_size = size_t{32} << 10;

// The rings of the channel, in bytes. Pictures and logs go to dom0, key presses come back.
constexpr xen::Vchan::Sizes channel_rings{.to_us = size_t{8} << 10, .to_peer = size_t{64} << 10};
constexpr xen::Vchan::Sizes monitor_rings{.to_us = size_t{1} << 10, .to_peer = size_t{2} << 10};

constexpr auto system_disk_timeout = seconds(20);
constexpr auto socket_interval = Milliseconds(20);
constexpr unsigned int farewell_milliseconds = 2000;

const sys::Mount device_nodes{"devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=0755"};

void log_to_ring(void *ring, std::string_view line) { static_cast<LogRing *>(ring)->add(line); }

// Writes back what QEMU had cached of the disks, unless a disk does not answer.
void sync_disks() {
  pid_t child = ::fork();
  if (child == 0) {
    ::sync();
    ::_exit(0);
  }
  for (unsigned int waited = 0; child > 0 && waited < farewell_milliseconds; waited += 10) {
    if (::waitpid(child, nullptr, WNOHANG) != 0)
      return;
    ::usleep(10'000);
  }
}

// The kernel waits for the disks that it was started with, but not for ever.
base::Result<> await_file(const std::string &path, base::Deadline deadline) {
  while (::access(path.c_str(), F_OK) != 0) {
    if (deadline.passed())
      return base::fail("{} is not there: does xen-blkback run in dom0?", path);
    ::usleep(10'000);
  }
  return {};
}

} // namespace

Init::Init() : log_(log_size), last_words_(2 * longest_last_words) {
  base::set_log_sink(log_to_ring, &log_);
}

base::Result<> Init::enter_system() {
  const bool in_memory = ::access(wire::system_file, F_OK) == 0;
  const std::string disk = base::format("/dev/{}", wire::system_disk);
  if (!in_memory) {
    TRY(sys::mount(device_nodes));
    TRY(await_file(disk, base::Deadline::after(system_disk_timeout)));
  }
  // What is in memory already is not kept a second time.
  TRY(sys::mount({.type = "erofs",
                  .target = wire::system_directory,
                  .flags = MS_RDONLY | MS_NOSUID | MS_NODEV,
                  .options = in_memory ? "cache_strategy=disabled" : "",
                  .source = in_memory ? wire::system_file : disk}));
  if (!in_memory && ::umount2(device_nodes.target.c_str(), MNT_DETACH) != 0)
    return base::fail_errno(errno, "unmount {}", device_nodes.target);
  return sys::change_root(wire::system_directory);
}

base::Result<> Init::mount_file_systems() {
  constexpr unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  const std::array mounts{
      device_nodes,
      sys::Mount{"proc", "/proc", plain, ""},
      sys::Mount{"sysfs", "/sys", plain, ""},
      sys::Mount{"tmpfs", "/run", plain, "mode=1777"}, // QEMU's sockets, copied files
      sys::Mount{"tmpfs", "/tmp", plain, "mode=1777"},
  };
  for (const sys::Mount &mount : mounts)
    TRY(sys::mount(mount));
  return {};
}

base::Result<> Init::open_console() {
  // Non-blocking: a console that nobody reads must not hold us up.
  base::Fd console = TRY(base::open_file("/dev/hvc0", O_RDWR | O_NOCTTY | O_NONBLOCK));
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(console.get(), fd) < 0)
      return base::fail_errno(errno, "make /dev/hvc0 descriptor {}", fd);
  }
  if (console.get() <= STDERR_FILENO) // there were none before
    static_cast<void>(console.release());
  return {};
}

base::Result<> Init::prepare_kernel() {
  ::reboot(RB_DISABLE_CAD); // Ctrl-Alt-Del becomes a signal, which nobody listens to
  ::umask(022);
  struct Tuning {
    const char *file;
    const char *value;
  };
  constexpr std::array tunings{
      // QEMU's map cache is a table of hundreds of MiB of which it touches little
      // (hw/xen/xen-mapcache.c).
      Tuning{"/proc/sys/vm/overcommit_memory", "1\n"},
      // The CPU's own lists of free pages grow to an eighth of all memory, and are not looked into
      // before the kernel kills QEMU for lack of memory (mm/page_alloc.c).
      Tuning{"/proc/sys/vm/percpu_pagelist_high_fraction", "500\n"},
      // Against fragmentation, the kernel would set aside some 4 MiB for a while.
      Tuning{"/proc/sys/vm/watermark_boost_factor", "0\n"},
      // What the balloon driver adds is used (init_viewers.cpp).
      Tuning{"/sys/devices/system/memory/auto_online_blocks", "online\n"},
  };
  for (const Tuning &tuning : tunings) {
    if (auto file = base::open_file(tuning.file, O_WRONLY))
      TRY(base::write_all(*file, tuning.value)
              .transform_error(base::doing("write to {}", tuning.file)));
  }
  std::string line = TRY(base::read_file("/proc/cmdline", 4096));
  if (base::parse_log_level(kernel_option(line, wire::log_level_option), settings_.log_level))
    base::set_log("linstub-init", settings_.log_level);
  spin_ = kernel_option(line, wire::spin_option);
  spare_ = line.contains(wire::spare_option);
  any_hypercall_ = line.contains(wire::any_hypercall_option) && !spare_;
  return {};
}

base::Result<> Init::connect_xenstore() {
  xenstore_ = TRY(xen::Xenstore::connect());
  report_state();
  return {};
}

base::Result<> Init::watch_world() {
  loop_ = TRY(base::EventLoop::create());
  auto watch = [this](int fd, auto method) -> base::Result<> {
    watches_.push_back(
        TRY(loop_->watch(fd, EPOLLIN, [this, method](uint32_t) { (this->*method)(); })));
    return {};
  };
  uevents_ = TRY(sys::open_uevents());
  TRY(watch(uevents_.get(), &Init::look_at_devices));
  TRY(xenstore_->watch("device", "device"));
  TRY(xenstore_->watch(wire::shutdown_node, "shutdown"));
  TRY(watch(xenstore_->fd(), &Init::on_xenstore_event));
  watches_.push_back(TRY(loop_->on_signals({SIGCHLD}, [this](int) { on_child_signal(); })));
  // The kernel's own messages are a help, not a need.
  if (auto messages = base::open_file("/dev/kmsg", O_RDONLY | O_NONBLOCK)) {
    kernel_messages_ = std::move(*messages);
    TRY(watch(kernel_messages_.get(), &Init::on_kernel_message));
  }
  std::set<std::string> kept;
  if (auto disk = TRY(tpm_disk_of(settings_.arguments, settings_.mode)))
    kept.insert(*std::move(disk));
  if (settings_.mode == Mode::linstub)
    lent_.emplace(settings_.screen, settings_.restore_memory);
  frontends_.emplace(
      Frontends::World{
          .list = [this](const std::string &node) { return xenstore_->list(node); },
          .read = [this](const std::string &node) { return xenstore_->read(node, 32); },
      },
      qemu_uid, consoles_of(settings_.arguments, settings_.mode), std::move(kept));
  pci_.emplace(PciDevices::World{
      .read = [this](const std::string &node) { return xenstore_->read_if_there(node, 256); },
      .mount = settings_.mode == Mode::linstub}); // QEMU looks by itself where libxl started us
  return settings_.mode == Mode::linstub ? watch_backends() : base::Result<>();
}

void Init::run() {
  tell(Event::settings_read);
  auto ended = loop_->run();
  panic(ended ? "the event loop has ended" : ended.error().message());
}

void Init::tell(Event event, std::string why) {
  if (state_.phase != Phase::failed && !why.empty())
    error_ = std::move(why);
  Step next = step(state_, event);
  state_ = next.state;
  for (Action action : next.actions)
    perform(action);
}

void Init::perform(Action action) {
  auto must = [this](base::Result<> done) {
    if (!done)
      tell(Event::failure, std::move(done).error().message());
  };
  switch (action) {
  case Action::report_state:
    return report_state();
  case Action::set_deadline:
    return set_deadline();
  case Action::clear_deadline:
    return deadline_.reset();
  case Action::await_devices:
    return look_at_devices();
  case Action::start_qemu:
    return must(start_qemu());
  case Action::serve_channel:
    return must(serve_channel());
  case Action::forget_files:
    return remove_files(settings_.files);
  case Action::report_error:
    return report_error();
  case Action::power_off:
    sync_disks();
    power_off();
  }
}

void Init::report_state() {
  Watchdog watchdog("a write to xenstore", 20);
  base::log_failure(xenstore_->write(wire::state_node, facts(state_.phase).name));
  if (state_.phase == Phase::running && settings_.mode == Mode::linstub && !memory_timer_)
    report_memory();
}

void Init::set_deadline() {
  Phase phase = state_.phase;
  deadline_ = loop_->at(base::Deadline::after(facts(phase).timeout), [this, phase] {
    std::string why(facts(phase).when_passed);
    if (phase == Phase::devices)
      why.append(": ").append(missing_);
    if (phase == Phase::qemu)
      why.append(": ").append(base::join(sockets_, ", ")).append(" not there");
    if (phase != Phase::leaving)
      why.append(base::format(", for {} s", facts(phase).timeout.count() / 1000));
    tell(Event::deadline, std::move(why));
  });
}

void Init::look_at_devices() {
  sys::drain_uevents(uevents_);
  Watchdog watchdog("a look at the devices in xenstore", 20);
  auto missing = frontends_->scan();
  if (!missing)
    return tell(Event::failure, std::move(missing).error().message());
  missing_ = base::join(*missing, "; ");
  if (missing->empty())
    tell(Event::devices_ready);
  report_devices();
}

// Disks and PCI devices come and go while QEMU runs. If one cannot be used, it is for dom0 to say
// so, which waits for it: the guest goes on without it.
void Init::report_devices() {
  if (state_.phase != Phase::running || settings_.mode != Mode::linstub)
    return;
  const std::vector<std::string> &disks = frontends_->disks();
  std::erase_if(lost_,
                [&](const std::string &disk) { return !std::ranges::contains(disks, disk); });
  tell_dom0(wire::disks_node, disks_told_, list_of_disks(disks, lost_));
  base::log_failure(gate_->look(frontends_->disks()));
  report_released();
  if (!pci_->possible())
    return;
  if (auto looked = pci_->look(); !looked)
    return base::log_error("PCI devices: {}", looked.error().message());
  tell_dom0(wire::pci_node, pci_told_, pci_->ready());
}

// Writes a node that says how things are, if that has changed since it was written last.
void Init::tell_dom0(const char *node, std::optional<std::string> &told, std::string now) {
  if (told == now)
    return;
  base::log_failure(xenstore_->write(node, now));
  told = std::move(now);
}

void Init::await_sockets() {
  std::erase_if(sockets_,
                [](const std::string &path) { return ::access(path.c_str(), F_OK) == 0; });
  if (sockets_.empty())
    return tell(Event::sockets_ready);
  sockets_timer_ = loop_->at(base::Deadline::after(socket_interval), [this] { await_sockets(); });
}

base::Result<> Init::serve_channel() {
  Watchdog watchdog("the start of the channel", 20);
  if (settings_.mode == Mode::libxl) {
    std::string path = base::format("device-model/{}/qmp-vchan", settings_.target);
    auto vchan = TRY(xen::Vchan::serve(xen::dom0, path, monitor_rings));
    bridge_ = TRY(Bridge::create(*loop_, std::make_unique<xen::VchanTransport>(std::move(vchan)),
                                 [] { return sys::connect_unix(wire::qmp_socket); }));
    return {};
  }
  report_devices();
  auto vchan = TRY(xen::Vchan::serve(xen::dom0, wire::channel_node, channel_rings));
  channel_ = TRY(Channel::create(
      *loop_, std::make_unique<xen::VchanTransport>(std::move(vchan)), log_,
      {.connected = [this] { tell(Event::client_connected); },
       .gone =
           [this](std::string_view why) {
             base::log_warning("channel: {}", why);
             tell(Event::client_gone);
           },
       .connect = [this](wire::Service service,
                         uint8_t index) { return connect_service(service, index); },
       .viewers =
           [this](size_t viewers) {
             viewers_ = viewers;
             see_to_viewers();
           },
       .qemu_talks = [this] { tell(Event::qemu_talks); },
       .retire = [this] { qemu_->kill(); },
       .restore = [this] { restore(); },
       .save = {.disk = [this] { return plugged_state_disk(); }, .pipe = wire::save_pipe}}));
  return {};
}

base::Result<base::Fd> Init::connect_service(wire::Service service, uint8_t index) {
  switch (service) {
  case wire::Service::qmp:
    return sys::connect_unix(wire::qmp_socket);
  case wire::Service::vnc:
    return sys::connect_unix(wire::vnc_socket);
  case wire::Service::serial:
    if (index < wire::most_lines)
      return sys::connect_unix(wire::serial_socket(index));
    break;
  case wire::Service::log: // these are the Channel's own
  case wire::Service::save:
  case wire::Service::retire:
  case wire::Service::restore:
    break;
  }
  return base::fail("there is no service {} with index {}", static_cast<int>(service), index);
}

void Init::report_error() {
  base::log_error("{}", error_);
  Watchdog watchdog("a write to xenstore", 10);
  // A failed write has nowhere to be told but the console.
  base::log_failure(
      xenstore_->write(wire::error_node, base::printable(error_, wire::longest_error)));
}

} // namespace linstub::stub
