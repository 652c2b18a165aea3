// DeviceModel: linstub-dm at work for one guest, from the stub domain's creation to its end. What
// happens when is decided in life.cpp; here is the I/O.
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/file_disk.hpp"
#include "dm/helper.hpp"
#include "dm/image.hpp"
#include "dm/keeper.hpp"
#include "dm/life.hpp"
#include "dm/log_stream.hpp"
#include "dm/monitor.hpp"
#include "dm/pci_devices.hpp"
#include "dm/plan.hpp"
#include "dm/serial_line.hpp"
#include "dm/status.hpp"
#include "dm/vnc_server.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <list>
#include <memory>
#include <string>
#include <vector>

namespace linstub::dm {

class DeviceModel {
public:
  // Serves the guest to its end. An error is the sentence that says why the stub domain could not
  // start or has failed; then nothing is left of it.
  static base::Result<> run(Plan plan, Image image, std::vector<FileDisk> files,
                            xen::Control control, Status status);
  DeviceModel(const DeviceModel &) = delete;
  DeviceModel &operator=(const DeviceModel &) = delete;

private:
  DeviceModel(base::EventLoop &loop, Plan plan, Image image, std::vector<FileDisk> files,
              xen::Control control, xen::Xenstore xenstore, Keeper keeper, Status status);
  base::Result<> prepare();
  base::Result<> keep_keeper();
  base::Result<> create_stub_domain();
  [[nodiscard]] std::string description() const;

  void happened(Event event, const std::string &why = {});
  void perform(Action action);
  void created(base::Result<std::string> output);
  base::Result<> follow_stub_domain();
  base::Result<> announce();
  void remove_stub_domain();
  void crash_guest();
  void late();

  void xenstore_ready();
  base::Result<> look_at_stub_domain();
  base::Result<> look_at_domains();
  base::Result<> connect_channel();
  base::Result<> connect_services();
  std::string answer(const std::string &command);
  Monitors::Owner monitors_owner();
  base::Result<PciDevices *> pci();
  void tell_status();

  base::EventLoop &loop_;
  Plan plan_;
  Image image_;
  std::vector<FileDisk> files_; // until they are attached
  uint32_t memory_ = 0;         // MiB of the stub domain
  xen::Control control_;
  xen::Xenstore xenstore_;
  Keeper keeper_;
  Status status_;
  xen::DomId guest_;
  Life life_;
  std::optional<xen::DomId> stub_;
  std::string cause_;      // why it failed: the first reason
  std::string stub_state_; // what linstub-init has said last: one of its five words
  bool announced_ = false;
  bool remove_after_creation_ = false;
  std::unique_ptr<Helper> creation_;
  std::unique_ptr<Helper> removal_;
  // The channel comes before, and so goes after, those that have streams in it.
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<VncServer> vnc_;
  std::vector<std::unique_ptr<SerialLine>> serial_;
  std::unique_ptr<PciDevices> pci_; // from the first one on
  std::unique_ptr<Monitors> monitors_;
  LogStream log_;
  base::EventLoop::Handle signals_;
  base::EventLoop::Handle xenstore_watch_;
  base::EventLoop::Handle keeper_watch_;
  base::EventLoop::Handle deadline_;
};

} // namespace linstub::dm
