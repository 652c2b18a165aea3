// SPDX-License-Identifier: MIT
// Host: what the device model of a guest needs of dom0's power, as a fixed list of requests, and
// Listener: what dom0 tells it. Who serves a Host decides what each request is about: the guest,
// and the stub domain that it has made itself. No request names a domain, a path or a program.
//
// Broker (broker.hpp) does what is asked; RemoteHost (remote_host.hpp) asks it of another process.
//
// A call back comes once: from inside the request, or later from the event loop. Requests are
// carried out in the order in which they are made.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "run/control_socket.hpp"
#include "xen/domid.hpp"
#include "xen/transport.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::broker {

// Which stub domain is to be made.
enum class Which : uint8_t {
  first, // the guest's first
  next,  // one of the image that an upgrade was asked for with, beside the one that there is
};

// What linstub-init says that it is doing (wire/paths.hpp).
enum class StubWord : uint8_t { booting, devices, qemu, running, failed };

// What has become of a medium that was plugged.
enum class Insertion : uint8_t { taken, failed };

// What a guest asks of its QEMU.
enum class GuestEnd : uint8_t { power_off, reset };

// Why linstub-dm is to end.
enum class End : uint8_t {
  orderly,   // the toolstack destroys the guest
  hand_over, // the toolstack gives the guest to another device model (soft reset)
  killed,    // the guest runs, and nobody has said anything to the toolstack
};

// A medium for a CD-ROM drive, as QMP names them.
struct Medium {
  std::string drive;
  std::string format;
  base::Fd file;
};

// The words of run/status.hpp that a device model says of itself.
inline constexpr std::array<std::string_view, 7> phases{
    "creating", "booting", "serving", "upgrading", "ending", "ended", "failed"};

using Done = std::function<void(base::Result<> result)>;

class Host {
public:
  Host() = default;
  Host(const Host &) = delete;
  Host &operator=(const Host &) = delete;
  virtual ~Host() = default;

  // --- The stub domain ---

  // Makes it, when there is none; or the next one, whose QEMU waits for what keep_state() keeps.
  virtual void create(Which which, std::function<void(base::Result<xen::DomId> stub)> created) = 0;
  // The next one is the stub domain from now on. The one before is removed; nothing that comes from
  // it is told any more.
  virtual void take_over() = 0;
  // It is not, and is removed, with a moment to end by itself. None is no error.
  virtual void drop_next() = 0;
  // Removes it, and the next one: one that is just being made when that is over, and with disks on
  // their way out when those are gone. What it says and does is not told any more. An error: it is
  // not proved to be gone, and another remove() is due.
  virtual void remove(Done removed) = 0;
  // Pauses it, and lets it go on. Both may come in vain.
  virtual void rest_stub() = 0;
  virtual void wake_stub() = 0;
  // Its guest is suspended and its QEMU has let go of the images: others may have them. And it is
  // about to go on, with the images for itself again. An error: somebody has one of them.
  virtual void give_images() = 0;
  virtual void take_images(Done taken) = 0;

  // --- The state of its QEMU ---

  // Plugs an empty state disk. The file behind it can be read, and is the same while the stub
  // domain writes.
  virtual void plug_state(std::function<void(base::Result<base::Fd> file)> plugged) = 0;
  // Unplugs it, and forgets what is on it.
  virtual void unplug_state(Done unplugged) = 0;
  // What is on it is what the next stub domain's QEMU is to have.
  virtual void keep_state(Done kept) = 0;
  // The stub domain has the state that it was to start from: unplugs the disk that brought it, and
  // takes the memory that was for restoring.
  virtual void finish_restore(Done finished) = 0;

  // --- CD-ROM drives ---

  // Plugs a medium; gives the name of its disk. One at a time; Listener::on_medium follows, then
  // end_insertion() is due.
  virtual void insert_medium(Medium medium,
                             std::function<void(base::Result<std::string> vdev)> plugged) = 0;
  // Taken: it is the drive's medium from now on, and the one before is unplugged. Failed: it is
  // unplugged itself. It may be late, for a QEMU that is silent.
  virtual void end_insertion(Insertion how, Done unplugged) = 0;
  // QEMU has let go of the medium of that drive: it is unplugged. None is no error.
  virtual void medium_ejected(const std::string &drive, Done unplugged) = 0;

  // --- PCI devices (pci/pci_devices.hpp) ---

  virtual void attach_pci(const std::string &id, const std::string &address, Done ready) = 0;
  virtual void pci_taken(const std::string &id) = 0;
  virtual void give_back_pci(const std::string &id) = 0;
  // `listed` are the ids that QEMU's list has.
  virtual void settle_pci(const std::vector<std::string> &listed, Done settled) = 0;

  // --- Virtual CPUs (plan/cpu_hotplug.hpp) ---

  // QEMU has got one more; `device` is the value of a -device.
  virtual void cpu_plugged(const std::string &device) = 0;
  // QEMU has let go of what has that id: a CPU, or something else.
  virtual void cpu_unplugged(const std::string &id) = 0;

  // --- The guest ---

  // Tells libxl that it is served.
  virtual void announce() = 0;
  // Pauses it at a point where it waits for no answer of its device model, and lets it go on. An
  // error too if the next stub domain has not what the one that there is has got meanwhile. Tells
  // which NICs the guest has by a PV driver: bit N of the number is that of NIC N.
  virtual void hold_guest(std::function<void(base::Result<uint32_t> pv_nics)> held) = 0;
  virtual void release_guest() = 0;
  // Has it do, and go on doing, what it asked QEMU for in the moment in which it was to be held:
  // Xen takes no second reason to shut down while it has one (common/domain.c, domain_shutdown()).
  virtual void end_guest(GuestEnd how) = 0;
  // Has it shut down for a reboot, or, if that waits for its device model, crashes it.
  virtual void reset_guest(std::function<void(base::Result<bool> crashed)> reset) = 0;
  // Nobody serves it any more: on_crash decides.
  virtual void crash_guest() = 0;

  // --- For people ---

  // `phase` is one of `phases`.
  virtual void tell_status(std::string_view phase, const std::string &error) = 0;
  // To who has asked for an upgrade or a reset: how it goes; or that the upgrade is done.
  virtual void tell_upgrade(const run::ControlReply &reply) = 0;
  virtual void upgrade_done() = 0;
};

class Listener {
public:
  Listener() = default;
  Listener(const Listener &) = delete;
  Listener &operator=(const Listener &) = delete;
  virtual ~Listener() = default;

  // --- The stub domain, between create() and remove() ---

  virtual void on_word(StubWord word) = 0;
  virtual void on_stub_failed(const std::string &why) = 0; // it says so, or dom0 has failed it
  virtual void on_qemu_runs() = 0;
  virtual void on_stub_gone(const std::string &why) = 0;
  // It serves its channel: connected.
  virtual void on_channel(std::unique_ptr<xen::Transport> transport) = 0;

  // --- The next one, between create(Which::next) and take_over() or drop_next() ---

  virtual void on_next_word(StubWord word) = 0;
  virtual void on_next_failed(const std::string &why) = 0; // or has ended
  virtual void on_next_channel(std::unique_ptr<xen::Transport> transport) = 0;

  // --- Its CD-ROM drives ---

  // It has the medium that was plugged, or what it says is nonsense.
  virtual void on_medium(const base::Result<> &there) = 0;

  // --- The guest ---

  virtual void on_guest_gone() = 0;
  virtual void on_renamed(const std::string &name) = 0;

  // --- People ---

  virtual void on_end_asked(End why) = 0;
  // Somebody asks for an upgrade, and all but the device model is ready for it.
  virtual void on_upgrade_asked() = 0;
  virtual void on_reset_asked() = 0;
};

} // namespace linstub::broker
