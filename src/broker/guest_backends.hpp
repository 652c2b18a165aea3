// SPDX-License-Identifier: MIT
// GuestBackends: the backends of a guest's PV devices that libxl expects of its device model in
// dom0 (backends.hpp). Unmodified QEMU serves what is below its own domain's backend/; so, before
// the guest runs, each of them is moved into the stub domain:
//
//   /local/domain/<stub>/backend/<kind>/<guest>/<number>   made, the stub domain's: QEMU serves it
//   /local/domain/<guest>/device/<device>/<number>         backend and backend-id lead there
//   /local/domain/0/backend/<kind>/<guest>/<number>        libxl's: a mirror (backend_mirror.hpp)
//
// A disk's is made with online=0, and QEMU leaves it alone until linstub-init says that it may open
// the image (stub/backend_gate.hpp): not before the emulated drive that has the same image open has
// let go of it.
//
// A disk that a running guest gets comes in its own way (late_disk.hpp).
#pragma once

#include "base/event_loop.hpp"
#include "broker/backend_mirror.hpp"
#include "broker/backends.hpp"
#include "broker/host.hpp"
#include "broker/late_disk.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace linstub::broker {

// The code of the error of a frontend that will not look for another backend while its guest runs.
constexpr int frontend_connected = EISCONN;

// Disks that QEMU serves to PV drivers. Of each it watches three nodes in xenstore, and the stub
// domain's kernel one; xenstored lets a domain watch 128 (oxenstored 100), and what is beyond that
// QEMU does without a word to anybody.
constexpr size_t most_served_disks = 16;

class GuestBackends {
public:
  // The token of its watches: they ask for look().
  static constexpr const char *token = "backends";

  // Disks of the stub domain that there is: a name that none has, and that is none of `others`;
  // gives it one, which has a name, or takes it away; whether some are on their way out.
  struct Disks {
    std::function<base::Result<std::string>(const std::set<std::string> &others)> name;
    std::function<base::Result<>(const disk::Disk &disk)> plug;
    std::function<void(const std::string &vdev, Done unplugged)> unplug;
    std::function<bool()> leaving;
  };

  // All must outlive it.
  GuestBackends(base::EventLoop &loop, xen::Xenstore &xenstore, plan::Plan &plan, Disks disks)
      : loop_(loop), xenstore_(xenstore), plan_(plan), guest_(*plan.guest),
        disks_(std::move(disks)) {}

  // Before there is a stub domain: finds them, and gives the plan the disks that no emulated drive
  // has. An error if there is one that cannot be served. Watches them from then on.
  base::Result<> find();

  // There is a stub domain: moves into it those that no driver of the guest has met.
  base::Result<> move(xen::DomId stub);

  // There is a next stub domain: makes them in it before its QEMU starts, since that takes no other
  // ones than disks later; offline, so that it leaves them alone until they are moved.
  base::Result<> prepare(xen::DomId next);

  // Something has changed.
  base::Result<> look();

  // The stub domain is going, and what was moved into it.
  void forget();

  // Fails if a disk is with a driver of the guest's, which would lose it with its backend. (Whoever
  // makes drivers connect to another stub domain, as a migration does, begins here and in move().)
  base::Result<> can_be_replaced();

private:
  struct Backend {
    BackendMove move;
    std::string name;    // for people
    std::string vdev;    // the disk in the stub domain that it serves, if it is one
    bool opened = false; // no emulated drive has the disk open
    bool gone = false;   // libxl has removed it
    Mirror mirror;
    std::optional<LateDisk> late = std::nullopt;       // it has come while the guest runs
    base::EventLoop::Handle due;                       // the next step of that
    std::optional<std::string> trusted = std::nullopt; // what libxl has said of it to the guest
  };
  // A disk whose image another one has that is on its way out.
  struct Awaited {
    base::Deadline deadline;
    base::EventLoop::Handle next_try;
  };

  base::Result<std::vector<BackendId>> listed();
  base::Result<BackendNodes> nodes_of(const BackendId &id);
  [[nodiscard]] uint32_t served() const; // disks, to PV drivers
  [[nodiscard]] base::Result<> check_room() const;
  base::Result<std::string> disk_for(disk::Disk disk);
  base::Result<disk::Disk> named(disk::Disk disk);
  base::Result<std::string> new_name();
  base::Result<bool> is_unmet(const BackendId &id, const Backend &backend);
  base::Result<> make(xen::DomId stub, const BackendId &id, const Backend &backend);
  base::Result<> write_nodes(xen::DomId stub, const BackendId &id, const Backend &backend,
                             bool online);
  base::Result<> lead_to(xen::DomId stub, const BackendId &id, const Backend &backend);
  [[nodiscard]] xen::Xenstore::Nodes console_nodes(const BackendId &id) const;
  base::Result<> look_for_new();
  base::Result<> look_at_new(const BackendId &id);
  base::Result<> look_at(const BackendId &id, Backend &backend);
  base::Result<std::optional<BackendPair::Libxl>> libxl_side(const BackendId &id);
  base::Result<std::optional<BackendPair::Stub>> stub_side(const BackendId &id);
  base::Result<bool> tell(const BackendId &id, const BackendPair::Libxl &seen,
                          xen::XenbusState state);
  base::Result<> take_late(const BackendId &id, const std::string &name, BackendMove move);
  bool await_image(const BackendId &id, const std::string &name, const base::Error &refusal);
  void try_again();
  void step_late(const BackendId &id);
  base::Result<> follow_late(const BackendId &id, Backend &backend);
  base::Result<LateFacts> late_facts(const BackendId &id, const Backend &backend);
  base::Result<> hide(const BackendId &id, Backend &backend);
  base::Result<> show(const BackendId &id, Backend &backend);
  base::Result<> tell_refusal(const BackendId &id, const std::string &why);
  base::Result<> refuse(const BackendId &id, const std::string &why);
  void take_out(const Backend &backend);
  base::Result<xen::XenbusState> frontend_state(const BackendId &id);
  [[nodiscard]] std::string libxl_path(const BackendId &id) const;
  [[nodiscard]] std::string stub_path(xen::DomId stub, const BackendId &id) const;
  [[nodiscard]] std::string frontend_path(const BackendId &id) const;

  base::EventLoop &loop_;
  xen::Xenstore &xenstore_;
  plan::Plan &plan_;
  xen::DomId guest_;
  Disks disks_;
  std::optional<xen::DomId> stub_;
  std::map<BackendId, Backend> backends_;
  std::set<BackendId> refused_; // plugged into the running guest, which libxl has been told
  std::map<BackendId, Awaited> awaited_;
  std::set<std::string> left_names_; // of disks that this stub domain has had
  std::string lost_;                 // a disk that an emulated drive had, and that was taken out
};

} // namespace linstub::broker
