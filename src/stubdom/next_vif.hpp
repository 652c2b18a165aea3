// SPDX-License-Identifier: MIT
// NextVifs: how the vifs of the stub domain that is to replace the one that serves come to be where
// that one's are, in dom0's networks, and to have their names.
//
//     join()     the next one is made. Its vif has a name of its own, next_interface(). On a bridge
//                or an Open vSwitch it is put by the guest's own script, so that the guest has its
//                network from the first moment that the next one serves, and under rules as strict:
//                iptables' go by an interface's name, and the script makes them for this name, with
//                the guest's ip=.
//     settle()   the next one serves, or is dropped. If it serves, the former one's vif gives its
//                name up, and this one gets it. iptables' rules for that name are there from the
//                guest's start; those that the script has made for the other name are taken back.
//     forget()   there is no stub domain any more that could have it.
//
// What is noted of each in between is below dom0's backend/vif/linstub<guest>, where Xen's scripts
// look for what is said of an interface of such a name.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "plan/plan.hpp"
#include "stubdom/tap_script.hpp"
#include "stubdom/vif_link.hpp"
#include "xen/xenstore.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace linstub::stubdom {

// What the vif is called as long as the guest has another stub domain, whose vif has the name that
// it is to have.
std::string next_interface(xen::DomId guest, const plan::Nic &nic);

enum class Way : uint8_t {
  // The script puts it on a bridge of Linux' own, which goes by interfaces: it may be renamed
  // there.
  bridge,
  // The script puts it on a switch that goes by names, and once more when it has its name.
  open_vswitch,
  // The script is run when the former one has given its place up: there can be no second route to
  // the guest's address (vif-route), and nobody knows in what else two would be in each other's
  // way. Until then the guest has no network: for as long as the former one takes to end, a moment
  // or at most some seconds, and as long as the script takes.
  later,
  // No script: it becomes a port of the bridge that the former one is on, or of none. iptables'
  // rules, if there are any, go by the former one's name: where nothing else is forwarded, the
  // guest has its network when that name is this one's.
  copied,
};

// What there is when the next one is made.
struct Before {
  bool has_script = false;
  std::optional<VifLink> link; // the former one's
};
Way way_to_join(const Before &before);

// For all scripts of all NICs: what else is to be done after them is waited for as well.
constexpr base::Milliseconds scripts_timeout{25'000};

class NextVifs {
public:
  // Both must outlive it. No script goes on after the deadline.
  NextVifs(xen::Xenstore &xenstore, VifLinks &links, xen::DomId guest,
           base::Deadline deadline = base::Deadline::after(scripts_timeout))
      : xenstore_(xenstore), links_(links), guest_(guest), deadline_(deadline) {}

  using Others = std::span<const xen::DomId>; // the other stub domains of the guest

  // The nics are those of the guest's plan; `next` has the vifs, by their names. An error leaves
  // something to forget.
  base::Result<> join(std::span<const plan::Nic> nics, xen::DomId next, Others others);

  // `stub` is the one that the guest has from now on. One NIC that cannot be settled holds up none
  // of the others. After an error it may be tried again, and goes on where it was. That there is
  // nothing to settle is none.
  base::Result<> settle(std::span<const plan::Nic> nics, xen::DomId stub, Others others);

  void forget();

private:
  struct Note {
    Way way{};
    std::string name;    // that it is to have: the former one's
    bool serves = false; // it was seen to
  };
  base::Result<> join_one(const plan::Nic &nic, xen::DomId next, Others others);
  base::Result<> settle_one(const plan::Nic &nic, xen::DomId stub, Others others);
  Tap next_tap(const std::string &index) const;
  std::string directory() const;
  std::string node(uint8_t nic, std::string_view name) const;
  base::Result<std::optional<VifLink>> former(const plan::Nic &nic, Others others);
  base::Result<> write_note(const plan::Nic &nic, const Before &before);
  base::Result<std::optional<Note>> read_note(const std::string &index);
  base::Result<> take_place(const plan::Nic &nic, const Note &note, VifLink link, Others others);
  base::Result<> join_again(const plan::Nic &nic, const Note &note, VifLink link, Others others);
  base::Result<> take_name(const plan::Nic &nic, VifLink &link, const std::string &name,
                           Others others);
  void move_aside(const plan::Nic &nic, Others others);
  base::Result<> run(const Tap &tap, ScriptCommand command);
  void run_remove(const Tap &tap);
  base::Result<> forget(const std::string &index);
  base::Result<> drop_note(const std::string &index);

  xen::Xenstore &xenstore_;
  VifLinks &links_;
  xen::DomId guest_;
  base::Deadline deadline_;
};

} // namespace linstub::stubdom
