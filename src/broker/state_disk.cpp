// SPDX-License-Identifier: MIT
#include "broker/state_disk.hpp"

#include "disk/disk_plug.hpp"

#include <fcntl.h>

#include <utility>

namespace linstub::broker {

using base::Result;

Result<> StateDisk::take(const base::Fd &saved) {
  next_.emplace(TRY(disk::StateFile::fill(guest_, saved)));
  return {};
}

Result<> StateDisk::share() {
  next_.reset();
  next_.emplace(TRY(disk::StateFile::make(guest_)));
  shared_ = true;
  kept_ = false;
  return {};
}

Result<base::Fd> StateDisk::plug(xen::DomId stub) {
  if (plugged_)
    return base::fail("a state disk is plugged already");
  own_.reset();
  if (!shared_)
    own_.emplace(TRY(disk::StateFile::make(guest_)));
  const std::string path = (shared_ ? *next_ : *own_).path();
  // Another description of it: who reads it cannot write to it.
  base::Fd reader = TRY(base::open_file(path, O_RDONLY));
  TRY(disk::plug_disk(xenstore_, stub, {.path = path, .vdev = name()}, LINSTUB_HOTPLUG));
  plugged_ = true;
  return reader;
}

Result<> StateDisk::keep() {
  if (!plugged_ || !shared_)
    return base::fail("no state disk is plugged that the next stub domain has");
  kept_ = true;
  return {};
}

void StateDisk::drop() {
  if (std::exchange(shared_, false))
    next_.reset();
  kept_ = false;
}

void StateDisk::unplug(xen::DomId stub, Stubdom::Done done) {
  if (!plugged_ && !leaving_)
    return done({});
  forget(); // its loop device holds it
  leaving_ = true;
  unplugged_.push_back(std::move(done));
  if (unplugged_.size() > 1)
    return;
  stubdom_.detach(stub, name(), [this](const Result<> &gone) {
    if (gone) {
      leaving_ = false;
      next_name();
    }
    for (const Stubdom::Done &tell : std::exchange(unplugged_, {}))
      tell(gone);
  });
}

void StateDisk::finish_restore(xen::DomId stub, uint32_t memory, Stubdom::Done done) {
  if (!next_)
    return done({});
  next_.reset();
  shared_ = false;
  kept_ = false;
  turn_ = 0; // of the stub domain that started with it
  next_name();
  stubdom_.finish_restore(stub, memory, std::move(done));
}

} // namespace linstub::broker
