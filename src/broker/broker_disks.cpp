// SPDX-License-Identifier: MIT
// Disks of the guest's PV drivers that come and go while it runs.
#include "broker/broker.hpp"
#include "disk/disk_plug.hpp"

namespace linstub::broker {
using base::Result;

Result<> Broker::plug_disk(const disk::Disk &disk) {
  TRY(images_.hold(std::span(&disk, 1)));
  auto plugged = disk::plug_disk(context_.xenstore, *stub_, disk, LINSTUB_HOTPLUG);
  if (!plugged)
    images_.let_go(disk.vdev);
  return plugged;
}

// The lock on its image stays until it is out.
void Broker::unplug_disk(const std::string &vdev, const Done &unplugged) {
  leaving_disks_++;
  const Done out = [this, vdev, unplugged](const Result<> &gone) {
    leaving_disks_--;
    if (gone)
      images_.let_go(vdev);
    unplugged(gone);
  };
  leaving_.await(*stub_, vdev, [this, stub = *stub_, vdev, out](const Result<> &may_go) {
    may_go ? stubdom_.detach(stub, vdev, task(out)) : out(may_go);
  });
}

} // namespace linstub::broker
