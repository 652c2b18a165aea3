// SPDX-License-Identifier: MIT
#include "broker/state_disk.hpp"

#include "disk/disk_plug.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>

#include <utility>

namespace linstub::broker {

using base::Result;

Result<> StateDisk::take(const base::Fd &saved) {
  next_.emplace(TRY(disk::StateFile::fill(guest_, saved)));
  return {};
}

Result<base::Fd> StateDisk::plug(xen::DomId stub) {
  if (plugged_)
    return base::fail("a state disk is plugged already");
  disk::StateFile file = TRY(disk::StateFile::make(guest_));
  // Another description of it: who reads it cannot write to it.
  base::Fd reader = TRY(base::open_file(file.path(), O_RDONLY));
  TRY(disk::plug_disk(xenstore_, stub, {.path = file.path(), .vdev = wire::state_disk},
                      LINSTUB_HOTPLUG));
  plugged_.emplace(std::move(file));
  return reader;
}

Result<> StateDisk::keep() {
  if (!plugged_)
    return base::fail("no state disk is plugged");
  next_.reset();
  next_.emplace(*std::exchange(plugged_, std::nullopt));
  return {};
}

void StateDisk::unplug(xen::DomId stub, Stubdom::Done done) {
  plugged_.reset(); // its loop device holds it
  stubdom_.detach(stub, wire::state_disk, std::move(done));
}

void StateDisk::finish_restore(xen::DomId stub, uint32_t memory, Stubdom::Done done) {
  if (!next_)
    return done({});
  next_.reset();
  stubdom_.finish_restore(stub, memory, std::move(done));
}

} // namespace linstub::broker
