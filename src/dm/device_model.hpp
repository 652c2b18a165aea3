// SPDX-License-Identifier: MIT
// DeviceModel: a guest's device model at work, from the stub domain's creation to its end. What
// happens when is decided in life.cpp; here each of its actions is carried out, by the parts that
// this is made of, and what they notice is told to it. What needs rights in dom0 it asks of a
// broker::Host: it has none itself.
#pragma once

#include "base/backoff.hpp"
#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "dm/changes.hpp"
#include "dm/commands.hpp"
#include "dm/guest_services.hpp"
#include "dm/life.hpp"
#include "dm/media.hpp"
#include "dm/saver.hpp"
#include "dm/stub_link.hpp"
#include "dm/upgrade.hpp"
#include "plan/plan.hpp"

#include <memory>
#include <set>
#include <string>

namespace linstub::dm {

class DeviceModel final : public broker::Listener {
public:
  // Opens all that is served in dom0. Both must outlive it.
  static base::Result<std::unique_ptr<DeviceModel>> open(base::EventLoop &loop, plan::Plan plan,
                                                         broker::Host &host);

  // Serves the guest to its end, when it stops the loop: has the first stub domain made.
  void start();

  [[nodiscard]] bool ended() const { return life_.phase == Phase::ended; }

  // After its end. An error is the sentence that says why the stub domain could not start or has
  // failed. Nothing is left of it in either case.
  [[nodiscard]] base::Result<> outcome() const;

private:
  DeviceModel(base::EventLoop &loop, plan::Plan plan, broker::Host &host);
  base::Result<> open_parts();
  Monitor::Owner monitors_owner();
  void repeat_changes();
  void attach_pci(const std::string &arguments, broker::Done done);
  void settle_pci(const std::string &listed, broker::Done then);

  void happened(Event event, const std::string &why = {});
  void perform(Action action);

  // The actions, in the order of the life of a stub domain.
  void create();
  void created(const base::Result<xen::DomId> &stub);
  void announce();
  void flush_disks();
  void take_over();
  void remove_stub_domain();
  void remove_again();
  void resume_guest();

  // What the host tells.
  void on_word(broker::StubWord word) override;
  void on_stub_failed(const std::string &why) override;
  void on_qemu_runs() override;
  void on_stub_gone(const std::string &why) override;
  void on_channel(std::unique_ptr<xen::Transport> transport) override;
  void on_next_word(broker::StubWord word) override;
  void on_next_failed(const std::string &why) override;
  void on_next_channel(std::unique_ptr<xen::Transport> transport) override;
  void on_medium(const base::Result<> &there) override;
  void on_guest_gone() override;
  void on_renamed(const std::string &name) override;
  void on_end_asked(broker::End why) override;
  void on_upgrade_asked() override;
  void on_reset_asked() override;

  base::EventLoop &loop_;
  plan::Plan plan_;
  broker::Host &host_;
  Life life_;
  std::string cause_;      // why it ends
  std::string last_error_; // what went wrong last

  // Each part comes after those that it refers to, and goes before them.
  Changes changes_;
  StubLink link_;
  std::unique_ptr<GuestServices> services_;
  std::unique_ptr<Saver> saver_;
  std::unique_ptr<Media> media_;
  std::unique_ptr<Upgrade> upgrade_;
  std::unique_ptr<Commands> commands_;

  std::set<std::string> pci_taken_; // ids of the devices that QEMU has taken

  base::EventLoop::Handle start_deadline_;
  base::EventLoop::Handle flush_deadline_;
  base::EventLoop::Handle next_removal_;
  base::Backoff removal_pauses_;
};

} // namespace linstub::dm
