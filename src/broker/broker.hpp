// SPDX-License-Identifier: MIT
// Broker: does in dom0, with all its rights, what a guest's device model asks for (host.hpp). It
// owns the plan, the image and the description of the stub domain: who asks chooses none of them.
#pragma once

#include "base/event_loop.hpp"
#include "broker/drives.hpp"
#include "broker/guest_backends.hpp"
#include "broker/guest_calls.hpp"
#include "broker/held_images.hpp"
#include "broker/host.hpp"
#include "broker/leaving_disks.hpp"
#include "broker/paced.hpp"
#include "broker/permissions.hpp"
#include "broker/state_disk.hpp"
#include "broker/stub_watch.hpp"
#include "broker/stubdom.hpp"
#include "broker/succession.hpp"
#include "broker/upgrades.hpp"
#include "disk/copied_file.hpp"
#include "manifest/stub_image.hpp"
#include "pci/pci_devices.hpp"
#include "plan/plan.hpp"
#include "run/status.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace linstub::broker {

class Broker final : public Host {
public:
  struct Context {
    base::EventLoop &loop;
    xen::Control &control;
    xen::Xenstore &xenstore;
    plan::Plan &plan;
    run::Status &status;
    std::string stubdom_program; // what is run as linstub-stubdom
    // What linstub-stubdom has to hold open while it makes a stub domain (keeper.hpp).
    std::function<int()> keeper_pipe;
    // Connects Listener::on_channel, or on_next_channel, to what the stub domain serves at that
    // path.
    std::function<base::Result<>(Which which, xen::DomId stub, const std::string &path)> connect;
    pci::HostPciBus pci_bus; // where the host's PCI devices are
  };

  // All in the context must outlive it, and the listener too. `image` is that of the first stub
  // domain.
  static base::Result<std::unique_ptr<Broker>> open(Context context, manifest::Image image,
                                                    Listener &listener);

  // --- Host ---

  void create(Which which, std::function<void(base::Result<xen::DomId> stub)> created) override;
  void take_over() override;
  void drop_next() override;
  void remove(Done removed) override;
  void rest_stub() override;
  void wake_stub() override;
  void give_images() override;
  void take_images(Done taken) override;
  void plug_state(std::function<void(base::Result<base::Fd> file)> plugged) override;
  void unplug_state(Done unplugged) override;
  void keep_state(Done kept) override;
  void finish_restore(Done finished) override;
  void insert_medium(Medium medium,
                     std::function<void(base::Result<std::string> vdev)> plugged) override;
  void end_insertion(Insertion how, Done unplugged) override;
  void medium_ejected(const std::string &drive, Done unplugged) override;
  void attach_pci(const std::string &id, const std::string &address, Done ready) override;
  void pci_taken(const std::string &id) override;
  void give_back_pci(const std::string &id) override;
  void settle_pci(const std::vector<std::string> &listed, Done settled) override;
  void cpu_plugged(const std::string &device) override;
  void cpu_unplugged(const std::string &id) override;
  void announce() override;
  void hold_guest(std::function<void(base::Result<uint32_t> pv_nics)> held) override;
  void release_guest() override;
  void end_guest(GuestEnd how) override;
  void reset_guest(std::function<void(base::Result<bool> crashed)> reset) override;
  void crash_guest() override;
  // By a toolstack that saves it, or has begun to.
  [[nodiscard]] bool guest_is_suspended();
  void tell_status(std::string_view phase, const std::string &error) override;
  void tell_upgrade(const run::ControlReply &reply) override;
  void upgrade_done() override;

  // --- For who serves it to another process ---

  [[nodiscard]] Stage stage() const;
  [[nodiscard]] bool is_upgrading() const { return upgrades_->under_way(); }
  [[nodiscard]] bool is_resetting() const { return upgrades_->resetting(); }

  // Somebody asks for its end, by a signal: libxl, which takes the device model's nodes away before
  // it sends one (libxl_dm.c, libxl__destroy_device_model()), or somebody who does not know what
  // the guest would be without it.
  [[nodiscard]] End why_to_end();

  // How long the event loop of the other process was held.
  void tell_turn(const base::EventLoop::Turn &turn);

  // Also after an error. While stage() is Stage::going.
  void when_removed(std::function<void()> then) { also_removed_ = std::move(then); }

  // The guest has run: one that has not is libxl's to remove when its start fails.
  [[nodiscard]] bool guest_has_run() const { return has_run_; }

private:
  Broker(Context context, Listener &listener);
  base::Result<> prepare(manifest::Image image);
  void create_when_free(base::Deadline deadline);
  base::Result<> start_creation();
  void note_image();
  base::Result<plan::Description> describe(const manifest::Image &image, plan::Role role);
  void created(const base::Result<xen::DomId> &stub);
  void note_memory();
  void keep_spares();
  void follow(xen::DomId stub);
  base::Result<> connect(Which which, xen::DomId stub);
  void create_next(std::function<void(base::Result<xen::DomId> next)> created);
  [[nodiscard]] plan::Description describe_settled() const;
  [[nodiscard]] std::string what_it_has() const;
  base::Result<> next_has_all();
  base::Result<> plug_disk(const disk::Disk &disk);
  void unplug_disk(const std::string &vdev, const Done &unplugged);
  void remove_if_possible();
  void forget_stub();
  base::Result<pci::PciDevices *> pci();
  base::Result<> announce_running();
  base::Result<> prepare_tpm();
  void hold(base::Deadline deadline, const Done &held);
  base::Result<uint32_t> pv_nics();
  void await_shutdown(base::Deadline deadline,
                      const std::function<void(base::Result<bool> crashed)> &reset);
  Done task(Done done);
  template <class Value>
  bool lacks_stub(const std::function<void(base::Result<Value>)> &done);

  base::Result<> watch_xenstore();
  void xenstore_ready();
  void look();
  base::Result<> look_at_guest();
  base::Result<> look_at_name();
  [[nodiscard]] base::Result<> can_be_replaced();
  [[nodiscard]] base::Result<> nothing_is_lost();
  base::Result<> look_at_device_model_nodes();
  base::Result<bool> is_the_device_model();
  base::Result<std::optional<End>> end_by_toolstack();
  [[nodiscard]] std::string device_model_node() const;
  void write_status();

  Context context_;
  Listener &listener_;
  xen::DomId guest_;
  Stubdom stubdom_;
  StubWatch watch_;
  Succession succession_;
  StateDisk state_;
  HeldImages images_;
  Drives drives_;
  GuestBackends backends_;
  LeavingDisks leaving_;
  GuestCalls calls_;
  std::unique_ptr<Upgrades> upgrades_;
  std::unique_ptr<pci::PciDevices> pci_;                  // from the first one on
  std::vector<disk::CopiedFile> files_;                   // until they are attached
  std::string next_has_;                                  // what the next one was made with
  uint32_t next_memory_ = 0;                              // its MiB
  std::optional<xen::DomId> stub_;                        // the one that there is, and counts
  std::function<void(base::Result<xen::DomId>)> created_; // who waits for the creation under way
  Done removed_;                                          // who waits for the removal
  std::function<void()> also_removed_;
  bool removing_ = false;
  bool left_ = false;                // the last removal has failed
  bool resting_ = false;             // the stub domain is paused, by us
  bool held_ = false;                // the guest is paused, by us
  bool has_run_ = false;             // it is served, or was
  size_t tasks_ = 0;                 // what has to end before a removal
  size_t leaving_disks_ = 0;         // of PV drivers: not out of the stub domain yet
  base::EventLoop::Handle creation_; // the next try of one
  base::EventLoop::Handle look_;     // the next one at a guest that is waited for
  struct Changed {
    bool words = false;    // what the stub domain says
    bool domains = false;  // which domains there are
    bool name = false;     // of the guest
    bool backends = false; // of its PV devices
    bool nodes = false;    // of the device model
  } changed_;              // in xenstore, and not looked at yet
  base::EventLoop::Handle xenstore_watch_;
  Paced looks_;
};

} // namespace linstub::broker
