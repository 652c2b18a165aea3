// SPDX-License-Identifier: MIT
// Drives: the media of the guest's CD-ROM drives, as disks of its stub domain. The plan follows, so
// that the next stub domain has the same ones: the very files that were passed, which are held open
// as long as they are in a drive. No path is looked up again.
#pragma once

#include "broker/held_images.hpp"
#include "broker/host.hpp"
#include "broker/stubdom.hpp"
#include "disk/disk.hpp"
#include "disk/kept_file.hpp"
#include "plan/plan.hpp"
#include "xen/xenstore.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>

namespace linstub::broker {

class Drives {
public:
  // All must outlive it.
  Drives(xen::Xenstore &xenstore, Stubdom &stubdom, plan::Plan &plan, HeldImages &images)
      : xenstore_(xenstore), stubdom_(stubdom), plan_(plan), images_(images) {}

  // For a disk of the stub domain's: none in the plan has it, nor one that comes or goes here, and
  // it is none of `others`.
  [[nodiscard]] base::Result<std::string> free_name(std::set<std::string> others = {}) const;

  // Plugs a medium, and gives the name of its disk.
  base::Result<std::string> insert(xen::DomId stub, const Medium &medium);

  // Whether the stub domain has the medium that was plugged; nothing if it has not said so yet, or
  // if that was told before. What it says is hostile: it is compared, no more.
  std::optional<base::Result<>> look();

  // As in Host.
  void end_insertion(Insertion how, Done unplugged);
  void ejected(xen::DomId stub, const std::string &drive, Done unplugged);

  // The stub domain has gone, and its disks with it: a medium on its way in is not the drive's, and
  // the next stub domain has none of the names that could not be given up. Until then it may write
  // to what it has, so the images stay locked.
  void forget();

private:
  struct Inserted {
    xen::DomId stub{};
    std::string drive;
    disk::Disk disk;
    bool told = false;
  };
  void forget_disk(const std::string &vdev);
  void take_out(xen::DomId stub, const std::string &vdev, Done unplugged);

  xen::Xenstore &xenstore_;
  Stubdom &stubdom_;
  plan::Plan &plan_;
  HeldImages &images_;
  std::optional<Inserted> insertion_;
  std::map<std::string, disk::KeptFile> files_; // of disks that are plugged here, by their names
  std::set<std::string> names_kept_; // of disks that were to leave: until forget(), if they do not
};

} // namespace linstub::broker
