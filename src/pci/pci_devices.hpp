// SPDX-License-Identifier: MIT
// PciDevices: the passed-through PCI devices of one guest, as far as its stub domain is concerned:
// attached before QEMU hears of them, given back after QEMU has let go. What libxl does to the
// guest itself (assign the device, grant the guest its permissions) stays libxl's.
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

  // Makes the device of QMP's device_add (its arguments as JSON) ready for QEMU; `done` is called
  // once, now or later from the event loop. libxl gives up after 10 s, so this does before.
  void attach(const std::string &arguments, Done done);

  // QEMU did not take it, or has let go of the device with that id: gives it back.
  void give_back(const std::string &id);

  // Calls `call` when no device is being given back any more: now, or later from the loop.
  void when_none_leaving(std::function<void()> call);

private:
  struct Device {
    HostPci host;
    std::string id; // of QMP; empty while nobody has asked for it
    bool attached = false;
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

  base::Result<> check(const std::string &arguments, xen::PciAddress &address);
  base::Result<> possible();
  std::vector<xen::PciAddress> wanted(const xen::PciAddress &address);
  void begin(PciStage stage, std::vector<xen::PciAddress> addresses, base::Deadline deadline);
  void look();
  void look_again();
  void drain_events();
  base::Result<PciFacts> facts();
  base::Result<bool> allow_interrupts();
  void act(PciNext what);
  base::Result<> connect();
  void undo(const std::string &why);
  void overdue();
  void finish_attach(const base::Result<> &result);
  void finish_leave(bool gone);
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
  std::vector<std::function<void()>> none_leaving_; // who waits for that
  base::EventLoop::Handle watch_;
  base::EventLoop::Handle unwanted_timer_;
};

} // namespace linstub::pci
