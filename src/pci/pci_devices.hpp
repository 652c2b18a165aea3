// SPDX-License-Identifier: MIT
// PciDevices: the passed-through PCI devices of one guest, as far as its stub domain is concerned:
// attached before QEMU hears of them, given back after QEMU has let go. What libxl does to the
// guest itself (assign the device, grant the guest its permissions) stays libxl's.
//
// A device is the stub domain's before it is the guest's: libxl assigns it to the guest in
// pci_add_dm_done() (libxl_pci.c), after QEMU has taken it. So it is quarantined first
// (Control::quarantine): one that was hidden at boot (xen-pciback.hide=) would be in dom0's IOMMU
// context still, and the stub domain could have it write to dom0's memory. Nothing here ever takes
// it out of quarantine, and one that comes back from a guest goes there again by itself.
//
// A device that does not come back is stuck: it stays the stub domain's until that one has gone.
// Nobody is told that it was detached, and no other is attached meanwhile.
//
// Nothing here blocks: what takes time is followed in xenstore.
#pragma once

#include "base/event_loop.hpp"
#include "pci/host_pci.hpp"
#include "pci/pci_backend.hpp"
#include "pci/pci_change.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::pci {

class PciDevices {
public:
  using Done = std::function<void(base::Result<> result)>;

  static base::Result<std::unique_ptr<PciDevices>> open(base::EventLoop &loop,
                                                        xen::Control &control, xen::DomId guest,
                                                        xen::DomId stub, HostPciBus bus = {});
  PciDevices(const PciDevices &) = delete;
  PciDevices &operator=(const PciDevices &) = delete;
  // Whoever waits still is answered with an error.
  ~PciDevices();

  // Makes the device with that address ready for QEMU, which will know it by that id; `done` is
  // called once, now or later from the event loop. libxl gives up after 10 s, so this does before.
  void attach(const std::string &id, const std::string &address, Done done);

  // QEMU has taken the device with that id.
  void taken(const std::string &id);

  // QEMU did not take it, or has let go of the device with that id: gives it back.
  void give_back(const std::string &id);

  // libxl takes a device for free when QMP's query-pci does not list it any more. `listed` has the
  // ids that are in QEMU's answer to that; hostile. A device that QEMU had taken and that is not
  // among them is given back. `then` is called when none is on its way back any more, now or later
  // from the loop: with an error as long as one is stuck.
  void settle(const std::vector<std::string> &listed, Done then);

  // Fails if the guest has a device that another stub domain in place of this one would not have.
  [[nodiscard]] base::Result<> can_be_replaced() const;

private:
  struct Device {
    HostPci host;
    std::string id; // of QMP; empty while nobody has asked for it
    bool attached = false;
    bool taken = false; // by QEMU
    bool stuck = false; // in the stub domain, which should have given it back
  };
  struct Change {
    PciStage stage{};
    std::vector<xen::PciAddress> addresses;
    base::EventLoop::Handle timer;
    base::Deadline deadline;
    base::Clock::time_point begin;
    bool overdue = false; // of connecting: who asked has been told that it takes too long
  };
  struct Request {
    xen::PciAddress address;
    Done done;
  };

  PciDevices(base::EventLoop &loop, xen::Control &control, xen::Xenstore xenstore, xen::DomId guest,
             xen::DomId stub, HostPciBus bus)
      : loop_(loop), control_(control), xenstore_(std::move(xenstore)), guest_(guest), stub_(stub),
        backend_(xenstore_, stub), bus_(std::move(bus)) {}

  base::Result<xen::PciAddress> check(const std::string &id, const std::string &address);
  base::Result<> possible();
  std::vector<xen::PciAddress> wanted(const xen::PciAddress &address);
  void begin(PciStage stage, std::vector<xen::PciAddress> addresses, base::Deadline deadline);
  void look();
  void look_again();
  void drain_events();
  base::Result<PciFacts> facts();
  base::Result<bool> allow_interrupts();
  void act(PciNext what);
  base::Result<> quarantine();
  base::Result<> connect();
  void undo(const std::string &why);
  void overdue();
  void finish_attach(const base::Result<> &result);
  void finish_leave(bool gone);
  void freed(const xen::PciAddress &address);
  [[nodiscard]] bool is_leaving(const xen::PciAddress &address) const;
  void look_at_stuck();
  [[nodiscard]] base::Result<> none_stuck() const;
  void refuse_requests(const base::Result<> &why);
  void next_change();
  void answer(const xen::PciAddress &address, const base::Result<> &result);
  void drop_unwanted();

  base::EventLoop &loop_;
  xen::Control &control_;
  xen::Xenstore xenstore_;
  xen::DomId guest_;
  xen::DomId stub_;
  PciBackend backend_;
  HostPciBus bus_;
  std::map<xen::PciAddress, Device> devices_;
  std::vector<Request> requests_;
  std::deque<xen::PciAddress> leaving_; // to be given back when the change of now is over
  std::unique_ptr<Change> change_;
  std::vector<Done> none_leaving_; // who waits for that
  bool going_ = false;
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle unwanted_timer_;
};

} // namespace linstub::pci
