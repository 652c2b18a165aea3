// DeviceModel: linstub-dm at work for one guest, from the stub domain's creation to its end. What
// happens when is decided in life.cpp; here is the I/O: device_model.cpp has the stub domain's
// life, device_model_state.cpp what moves QEMU's state (save, restore, upgrade).
#pragma once

#include "base/event_loop.hpp"
#include "disk/file_disk.hpp"
#include "dm/channel.hpp"
#include "dm/fd_sets.hpp"
#include "dm/guest_services.hpp"
#include "dm/helper.hpp"
#include "dm/keeper.hpp"
#include "dm/life.hpp"
#include "dm/media.hpp"
#include "dm/state_mover.hpp"
#include "manifest/stub_image.hpp"
#include "pci/pci_devices.hpp"
#include "plan/description.hpp"
#include "plan/plan.hpp"
#include "run/control_socket.hpp"
#include "run/status.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace linstub::dm {

class DeviceModel {
public:
  // Serves the guest to its end. An error is the sentence that says why the stub domain could not
  // start or has failed; then nothing is left of it.
  static base::Result<> run(plan::Plan plan, manifest::Image image, xen::Control control,
                            run::Status &status);
  DeviceModel(const DeviceModel &) = delete;
  DeviceModel &operator=(const DeviceModel &) = delete;

private:
  DeviceModel(base::EventLoop &loop, plan::Plan plan, manifest::Image image, xen::Control control,
              xen::Xenstore xenstore, Keeper keeper, run::Status &status);
  base::Result<> prepare();
  base::Result<> keep_keeper();
  base::Result<> create_stub_domain();

  void happened(Event event, const std::string &why = {});
  void perform(Action action);
  void created(base::Result<std::string> output);
  struct Watched {
    std::string path;
    const char *token;
  };
  [[nodiscard]] std::array<Watched, 3> watched() const;
  base::Result<> follow_stub_domain();
  base::Result<> announce();
  void forget_stub_domain();
  void remove_stub_domain();
  void crash_guest();
  void late();

  void xenstore_ready();
  base::Result<> look_at_stub_domain();
  base::Result<> look_at_domains();
  base::Result<> look_at_name();
  base::Result<> connect_channel();
  Monitors::Owner monitors_owner();
  base::Result<pci::PciDevices *> pci();
  void tell_status();

  // device_model_state.cpp
  void execute(const qmp::Command &command, base::Fd received, const Monitors::Answer &answer);
  base::Result<> save_for_toolstack(const qmp::Command &command, const Monitors::Answer &answer);
  void saved_for_toolstack(base::Result<disk::StateFile> state, const base::Fd &target,
                           const Monitors::Answer &answer);
  void wake();
  void expect_save();
  void upgrade_asked(const run::UpgradeRequest &request);
  base::Result<> prepare_upgrade(const run::UpgradeRequest &request);
  base::Result<> save_state();
  base::Result<> hold_and_save();
  void ask_in_turn(std::vector<std::string> commands, const std::function<void()> &then);
  void retire_qemu();
  base::Result<> create_next(manifest::Image image);
  void resume_guest();
  void tell_upgraded();
  void tell_not_upgraded();
  void state_arrived();
  [[nodiscard]] StateSave::Context save_context();

  base::EventLoop &loop_;
  plan::Plan plan_;
  manifest::Image image_;                // of the stub domain that there is, or is being made
  std::vector<disk::FileDisk> files_;    // until they are attached
  std::optional<disk::StateFile> state_; // until QEMU has it
  plan::Taps taps_ = plan::Taps::libxl;
  xen::Control control_;
  xen::Xenstore xenstore_;
  Keeper keeper_;
  run::Status &status_;
  xen::DomId guest_;
  Life life_;
  std::optional<xen::DomId> stub_;
  std::string cause_;      // why it ends
  std::string last_error_; // what went wrong last
  std::string stub_state_; // what linstub-init has said last: one of its five words
  bool remove_after_creation_ = false;
  bool suspended_ = false; // the guest
  enum class Rest : uint8_t { none, due, taken };
  Rest rest_ = Rest::none; // of the stub domain: it is paused, with its guest
  std::unique_ptr<Helper> creation_;
  std::unique_ptr<Helper> removal_;
  std::unique_ptr<Helper> renaming_;

  // An upgrade that is under way.
  std::optional<manifest::Image> next_image_;
  std::optional<manifest::Image> previous_image_;
  bool held_ = false; // the guest is paused, by us
  base::Clock::time_point held_since_;

  // The channel comes before, and so goes after, those that have streams in it.
  std::unique_ptr<Channel> channel_;
  std::vector<std::unique_ptr<Channel>> former_channels_; // until the loop comes round
  std::unique_ptr<pci::PciDevices> pci_;                  // from the first one on
  std::unique_ptr<GuestServices> services_;
  std::unique_ptr<StateMover> mover_;
  std::unique_ptr<run::ControlSocket> requests_;
  FdSets fd_sets_;
  std::unique_ptr<Media> media_;
  base::EventLoop::Handle signals_;
  base::EventLoop::Handle xenstore_watch_;
  base::EventLoop::Handle keeper_watch_;
  base::EventLoop::Handle deadline_;
  base::EventLoop::Handle forget_;
};

} // namespace linstub::dm
