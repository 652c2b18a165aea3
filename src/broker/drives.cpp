// SPDX-License-Identifier: MIT
#include "broker/drives.hpp"

#include "base/log.hpp"
#include "broker/stub_watch.hpp"
#include "disk/disk_image.hpp"
#include "disk/disk_plug.hpp"
#include "plan/drives.hpp"

#include <utility>

namespace linstub::broker {
using base::Result;

Result<std::string> Drives::free_name(std::set<std::string> others) const {
  others.insert(names_kept_.begin(), names_kept_.end());
  if (insertion_)
    others.insert(insertion_->disk.vdev);
  return plan::free_disk_name(plan_, others);
}

Result<std::string> Drives::insert(xen::DomId stub, const Medium &medium) {
  if (insertion_)
    return base::fail("another medium is being inserted");
  TRY(plan::medium_of(plan_, medium.drive));
  disk::KeptFile file = TRY(disk::KeptFile::keep(medium.file));
  disk::Disk disk{.path = file.path(),
                  .vdev = TRY(free_name()),
                  .format = TRY(disk::parse_format(medium.format)),
                  .mode = disk::DiskMode::read_only};
  TRY(disk::prepare_image(file.fd(), disk, plan_.settings.largest_disk)
          .transform_error(base::doing("disk image {}", file.name())));
  TRY(images_.hold(std::span(&disk, 1)).transform_error(base::doing("{}", file.name())));
  files_.insert_or_assign(disk.vdev, std::move(file));
  auto plugged = disk::plug_disk(xenstore_, stub, disk, LINSTUB_HOTPLUG);
  if (!plugged) {
    auto failed = std::move(plugged).transform_error(
        base::doing("disk image {}", files_.at(disk.vdev).name()));
    forget_disk(disk.vdev);
    return std::unexpected(std::move(failed).error());
  }
  std::string vdev = disk.vdev;
  insertion_ = Inserted{.stub = stub, .drive = medium.drive, .disk = std::move(disk)};
  return vdev;
}

std::optional<Result<>> Drives::look() {
  if (!insertion_ || insertion_->told)
    return std::nullopt;
  auto there = has_disk(xenstore_, insertion_->stub, insertion_->disk.vdev);
  if (there && !*there)
    return std::nullopt;
  insertion_->told = true;
  return there.transform([](bool) {});
}

void Drives::end_insertion(Insertion how, Done unplugged) {
  if (!insertion_)
    return unplugged(base::fail("no medium is being inserted"));
  Inserted inserted = *std::exchange(insertion_, std::nullopt);
  if (how == Insertion::failed)
    return take_out(inserted.stub, inserted.disk.vdev, std::move(unplugged));
  base::log_info("CD-ROM drive {} has {} now", inserted.drive,
                 files_.at(inserted.disk.vdev).name());
  auto former = plan::set_medium(plan_, inserted.drive, std::move(inserted.disk));
  if (former && *former)
    return take_out(inserted.stub, **former, std::move(unplugged));
  unplugged(former.transform([](const auto &) {}));
}

void Drives::ejected(xen::DomId stub, const std::string &drive, Done unplugged) {
  auto former = plan::set_medium(plan_, drive, std::nullopt);
  if (!former || !*former) // also for a drive that is not a CD-ROM drive: that is for QEMU to say
    return unplugged({});
  base::log_info("the medium of CD-ROM drive {} is out", drive);
  take_out(stub, **former, std::move(unplugged));
}

void Drives::forget_disk(const std::string &vdev) {
  files_.erase(vdev);
  images_.let_go(vdev);
}

// A disk that does not go keeps its name, and the lock on its image.
void Drives::take_out(xen::DomId stub, const std::string &vdev, Done unplugged) {
  files_.erase(vdev);
  names_kept_.insert(vdev);
  stubdom_.detach(stub, vdev, [this, vdev, unplugged = std::move(unplugged)](const Result<> &gone) {
    if (gone) {
      names_kept_.erase(vdev);
      images_.let_go(vdev);
    }
    unplugged(gone);
  });
}

void Drives::forget() {
  if (auto inserted = std::exchange(insertion_, std::nullopt))
    forget_disk(inserted->disk.vdev);
  for (const std::string &vdev : std::exchange(names_kept_, {}))
    images_.let_go(vdev);
}

} // namespace linstub::broker
