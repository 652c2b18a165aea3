// SPDX-License-Identifier: MIT
// StateDisk: the files of dom0 behind state disks (wire/state_record.hpp): the one that is plugged
// into the stub domain, and the one that the next stub domain starts from.
#pragma once

#include "base/fd.hpp"
#include "broker/stubdom.hpp"
#include "disk/state_file.hpp"
#include "wire/state_record.hpp"
#include "xen/xenstore.hpp"

#include <optional>
#include <string>
#include <vector>

namespace linstub::broker {

class StateDisk {
public:
  // Both must outlive it.
  StateDisk(xen::Xenstore &xenstore, Stubdom &stubdom, xen::DomId guest)
      : xenstore_(xenstore), stubdom_(stubdom), guest_(guest) {}

  // Takes the state of a guest that is restored from a descriptor that libxl has opened.
  base::Result<> take(const base::Fd &saved);

  // Whether that has a device of QEMU's in it, by its section's name. Only after take().
  [[nodiscard]] base::Result<bool> mentions(std::string_view device) const {
    return next_->mentions(device);
  }

  // The file with which a stub domain has to start; empty: none, it is for a new guest.
  [[nodiscard]] std::string next() const { return next_ ? next_->path() : std::string(); }

  // An upgrade: an empty file is what the next stub domain starts with, and what is plugged into
  // the one that there is.
  base::Result<> share();

  // Plugs an empty disk; the file behind it, to read.
  base::Result<base::Fd> plug(xen::DomId stub);

  // An upgrade: the state on the shared file is what the next stub domain is to have.
  base::Result<> keep();
  [[nodiscard]] bool kept() const { return kept_; }

  // There is no next stub domain.
  void drop();

  // Unplugs what is plugged, if anything is. The next one finds nothing of it.
  void unplug(xen::DomId stub, Stubdom::Done done);

  // The stub domain has the state: its disk goes, and what memory is above `memory` MiB. Nothing is
  // done if there was no state.
  void finish_restore(xen::DomId stub, uint32_t memory, Stubdom::Done done);

  // The stub domain is going, and the disk that is plugged with it.
  void forget() {
    plugged_ = false;
    leaving_ = false;
    own_.reset();
  }

private:
  [[nodiscard]] const char *name() const { return wire::state_disks.at(turn_); }
  void next_name() { turn_ = (turn_ + 1) % wire::state_disks.size(); }

  xen::Xenstore &xenstore_;
  Stubdom &stubdom_;
  xen::DomId guest_;
  size_t turn_ = 0; // of the names
  bool plugged_ = false;
  bool leaving_ = false;                 // it was to be unplugged, and is not proved to be
  std::optional<disk::StateFile> own_;   // what is plugged, if it is not next_
  std::vector<Stubdom::Done> unplugged_; // who waits for that
  bool shared_ = false;                  // next_ is what is to be plugged
  bool kept_ = false;                    // and has a state
  std::optional<disk::StateFile> next_;  // until QEMU has it
};

} // namespace linstub::broker
