// SPDX-License-Identifier: MIT
// DeviceModel: linstub-dm at work for one guest, from the stub domain's creation to its end. What
// happens when is decided in life.cpp; here each of its actions is carried out, by the parts that
// this is made of, and what they notice is told to it.
#pragma once

#include "base/event_loop.hpp"
#include "disk/copied_file.hpp"
#include "dm/commands.hpp"
#include "dm/guest_services.hpp"
#include "dm/kept_keeper.hpp"
#include "dm/life.hpp"
#include "dm/media.hpp"
#include "dm/paced.hpp"
#include "dm/saver.hpp"
#include "dm/stub_link.hpp"
#include "dm/stubdom.hpp"
#include "dm/upgrade.hpp"
#include "manifest/stub_image.hpp"
#include "pci/pci_devices.hpp"
#include "plan/plan.hpp"
#include "run/status.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace linstub::dm {

class DeviceModel {
public:
  // Serves the guest to its end. An error is the sentence that says why the stub domain could not
  // start or has failed. Nothing is left of the stub domain then; if this cannot be said, since the
  // event loop itself has failed, the keeper sees to it.
  static base::Result<> run(plan::Plan plan, manifest::Image image, xen::Control control,
                            run::Status &status);
  DeviceModel(const DeviceModel &) = delete;
  DeviceModel &operator=(const DeviceModel &) = delete;

private:
  DeviceModel(base::EventLoop &loop, plan::Plan plan, manifest::Image image, xen::Control control,
              xen::Xenstore xenstore, Keeper keeper, run::Status &status);
  base::Result<> prepare();
  base::Result<> open_parts();
  Monitor::Owner monitors_owner();
  base::Result<pci::PciDevices *> pci();

  void happened(Event event, const std::string &why = {});
  void perform(Action action);

  // The actions, in the order of the life of a stub domain.
  base::Result<> create_stub_domain();
  void created(const base::Result<xen::DomId> &stub);
  base::Result<> follow_stub_domain();
  base::Result<> announce();
  void forget_stub_domain();
  void remove_stub_domain();
  void remove_again();
  base::Result<> create_next();
  void resume_guest();
  void crash_guest();

  // What is noticed in xenstore.
  void xenstore_ready();
  void look();
  base::Result<> look_at_stub_domain();
  base::Result<> look_at_domains();
  base::Result<> look_at_name();

  void state_arrived();
  void tell_status();
  void tell_turns();

  base::EventLoop &loop_;
  plan::Plan plan_;
  manifest::Image image_;               // of the stub domain that there is, or is being made
  std::vector<disk::CopiedFile> files_; // until they are attached
  plan::Taps taps_ = plan::Taps::libxl;
  xen::Control control_;
  xen::Xenstore xenstore_;
  KeptKeeper keeper_;
  run::Status &status_;
  xen::DomId guest_;
  Life life_;
  std::string cause_;      // why it ends
  std::string last_error_; // what went wrong last
  bool creating_ = false;  // linstub-stubdom is at it
  bool made_any_ = false;  // it has been asked to make a stub domain
  bool remove_after_creation_ = false;
  bool renaming_ = false;
  struct Changed {
    bool words = false;   // what the stub domain says
    bool domains = false; // which domains there are
    bool name = false;    // of the guest
  } changed_;             // in xenstore, and not looked at yet

  // Each part comes after those that it refers to, and goes before them.
  Stubdom stubdom_;
  StubLink link_;
  std::unique_ptr<pci::PciDevices> pci_; // from the first one on
  std::unique_ptr<GuestServices> services_;
  std::unique_ptr<Saver> saver_;
  std::unique_ptr<Media> media_;
  std::unique_ptr<Upgrade> upgrade_;
  std::unique_ptr<Commands> commands_;

  base::EventLoop::Handle signals_;
  base::EventLoop::Handle xenstore_watch_;
  base::EventLoop::Handle start_deadline_;
  base::EventLoop::Handle next_removal_;
  base::Milliseconds removal_pause_{0}; // before the attempt that is next
  base::EventLoop::Handle turns_timer_;
  Paced looks_;
};

} // namespace linstub::dm
