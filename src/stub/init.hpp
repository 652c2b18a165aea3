// SPDX-License-Identifier: MIT
// Init: PID 1's parts put together. The steps of main.cpp first, then run(): the event loop, in
// which the life cycle (lifecycle.hpp) decides and this class does.
#pragma once

#include "base/event_loop.hpp"
#include "stub/arguments.hpp"
#include "stub/backend_gate.hpp"
#include "stub/bridge.hpp"
#include "stub/channel.hpp"
#include "stub/frontends.hpp"
#include "stub/guest_calls.hpp"
#include "stub/lent_memory.hpp"
#include "stub/lifecycle.hpp"
#include "stub/log_ring.hpp"
#include "stub/memory_use.hpp"
#include "stub/pci.hpp"
#include "stub/qemu.hpp"
#include "stub/released_disks.hpp"
#include "stub/settings.hpp"
#include "stub/state_streams.hpp"
#include "stub/tpm.hpp"
#include "sys/open_files.hpp"
#include "sys/write_back.hpp"
#include "xen/xenstore.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace linstub::stub {

class Init {
public:
  static constexpr size_t longest_last_words = 320; // of QEMU's, in wire::longest_error

  Init();

  // The steps, in this order.
  base::Result<> enter_system(); // whose root is read-only
  base::Result<> mount_file_systems();
  base::Result<> open_console();
  base::Result<> prepare_kernel();
  base::Result<> connect_xenstore();
  base::Result<> await_guest(); // for as long as it takes
  base::Result<> load_settings();
  base::Result<> watch_world();

  // Serves until the domain is powered off.
  [[noreturn]] void run();

private:
  base::Result<bool> is_asked_to_shut_down();
  void tell(Event event, std::string why = {});
  void perform(Action action);

  void report_state();
  void set_deadline();
  void look_at_devices();
  void report_devices();
  base::Result<> watch_backends();
  base::Result<> watch_closes(std::optional<sys::FileCloses> &closes);
  base::Result<> watch_released();
  void report_released();
  base::Result<> write_back(const std::string &path, std::function<void()> written);
  void report_memory();
  void see_to_viewers();
  base::Result<Balloon> look_at_balloon();
  void tell_dom0(const char *node, std::optional<std::string> &told, std::string now);
  base::Result<> start_qemu();
  base::Result<base::Fd> open_for_qemu(const std::string &path);
  base::Result<base::Fd> start_tpm(const std::string &disk);
  std::string plugged_state_disk();
  base::Result<base::Fd> state_pipe(StateComes when);
  base::Result<> feed_state(base::Fd pipe);
  base::Result<> open_nics();
  void restore();
  base::Result<std::vector<std::string>> qemu_arguments(std::vector<base::Fd> &keep);
  void await_sockets();
  base::Result<> serve_channel();
  base::Result<base::Fd> connect_service(wire::Service service, uint8_t index);
  void report_error();

  void on_xenstore_event();
  void decline_shutdown();
  void on_child_signal();
  void on_kernel_message();
  void on_lost_data(const std::string &disk);
  void on_qemu_end(base::ExitStatus status);
  void log_grew();

  // First to be made, last to go: everything else has handles in it.
  std::unique_ptr<base::EventLoop> loop_;
  LogRing log_;
  std::optional<xen::Xenstore> xenstore_;
  Settings settings_;
  std::string spin_;           // the setting [exit] spin
  bool any_hypercall_ = false; // QEMU may ask Xen whatever it likes
  bool spare_ = false;         // made for no guest: it waits for one
  State state_;
  std::string error_; // why the domain ends

  std::optional<Frontends> frontends_;
  std::string missing_; // what devices are still awaited
  std::optional<PciDevices> pci_;
  std::optional<sys::FileCloses> closes_; // of disks
  std::optional<BackendGate> gate_;
  struct WritingBack {
    sys::WriteBack disk;
    base::EventLoop::Handle done;
  };
  std::map<std::string, WritingBack> writing_back_; // by the paths of the disks
  std::optional<sys::FileCloses> leaving_closes_;   // of disks that are to leave
  std::optional<ReleasedDisks> released_;
  std::optional<std::string> released_told_;
  std::optional<std::string> pci_told_; // what dom0 has been told of it
  std::optional<std::string> disks_told_;
  std::set<std::string> lost_; // disks that take no more
  MemoryUse memory_;
  std::optional<LentMemory> lent_;
  size_t viewers_ = 0;
  std::optional<base::Deadline> admission_;                // of the viewers that wait
  std::vector<std::pair<unsigned int, std::string>> nics_; // QEMU's, by their links
  base::Fd awaited_;                  // the pipe of a state that is not there yet
  std::unique_ptr<StateFeed> feed_;   // while QEMU restores
  std::unique_ptr<GuestCalls> calls_; // QEMU's
  std::unique_ptr<Tpm> tpm_;          // QEMU's too
  std::unique_ptr<Qemu> qemu_;
  LogRing last_words_; // of QEMU's
  std::vector<std::string> sockets_;
  std::unique_ptr<Channel> channel_; // linstub-dm's
  std::unique_ptr<Bridge> bridge_;   // libxl's

  base::Fd uevents_;
  base::Fd kernel_messages_;
  std::vector<base::EventLoop::Handle> watches_;
  base::EventLoop::Handle deadline_;
  base::EventLoop::Handle sockets_timer_;
  base::EventLoop::Handle log_timer_;
  base::EventLoop::Handle memory_timer_;
  base::EventLoop::Handle viewers_timer_;
};

} // namespace linstub::stub
