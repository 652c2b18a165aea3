// SPDX-License-Identifier: MIT
#include "dm/media.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "disk/disk_image.hpp"
#include "disk/disk_plug.hpp"
#include "plan/drives.hpp"
#include "qmp/message.hpp"
#include "wire/paths.hpp"

#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Result;

// libxl names the drive by "id"; before QEMU 2.8 it was "device".
std::string drive_of(const std::string &arguments) {
  auto id = qmp::string_member(arguments, "id");
  return id ? *id : qmp::string_member(arguments, "device").value_or("");
}

} // namespace

void Media::eject(xen::DomId stub, const std::string &arguments, const Monitor::Answer &answer) {
  auto done = [this, stub, drive = drive_of(arguments), answer](const qmp::Reply &reply) {
    if (reply.failed())
      return answer(base::fail("{}", reply.error));
    auto former = plan::set_medium(plan_, drive, std::nullopt);
    if (former && *former) {
      base::log_info("the medium of CD-ROM drive {} is out", drive);
      take_out(stub, **former);
    }
    answer("{}"); // also for a drive that is not a CD-ROM drive: that is for QEMU to say
  };
  if (auto sent = monitors_.ask("eject", arguments, done); !sent)
    answer(std::unexpected(std::move(sent).error()));
}

void Media::change(xen::DomId stub, const std::string &arguments, const base::Fd &medium,
                   const Monitor::Answer &answer) {
  auto begun = insert(stub, arguments, medium, answer);
  if (!begun)
    return answer(std::unexpected(std::move(begun).error()));
  look();
}

Result<> Media::insert(xen::DomId stub, const std::string &arguments, const base::Fd &medium,
                       const Monitor::Answer &answer) {
  if (insertion_)
    return base::fail("another medium is being inserted");
  if (undecided_)
    return base::fail("QEMU has not yet answered whether it has taken the medium before this one");
  std::string drive = drive_of(arguments);
  TRY(plan::medium_of(plan_, drive));
  disk::KeptFile file = TRY(disk::KeptFile::keep(medium));
  disk::Disk disk{
      .path = file.path(),
      .vdev = TRY(plan::free_disk_name(plan_, names_kept_)),
      .format = TRY(disk::parse_format(qmp::string_member(arguments, "format").value_or("raw"))),
      .mode = disk::DiskMode::read_only};
  TRY(disk::prepare_image(file.fd(), disk, plan_.settings.largest_disk)
          .transform_error(base::doing("disk image {}", file.name())));
  TRY(disk::plug_disk(xenstore_, stub, disk, LINSTUB_HOTPLUG));
  files_.insert_or_assign(disk.vdev, std::move(file));
  insertion_ = Insertion{.medium = {.number = ++last_number_,
                                    .stub = stub,
                                    .drive = std::move(drive),
                                    .disk = std::move(disk)},
                         .answer = answer,
                         .deadline = loop_.at(Deadline::after(limits_.to_plug), [this] {
                           failed(base::format("the stub domain has not got it within {} s",
                                               limits_.to_plug.count() / 1000));
                         })};
  return {};
}

// What the stub domain says is hostile: it is compared, no more.
Result<bool> Media::is_there() {
  auto disks = TRY(xenstore_.read_if_there(
      base::format("{}/{}", xen::domain_path(insertion_->medium.stub), wire::disks_node),
      wire::longest_disks));
  return disks &&
         base::format(" {} ", *disks).contains(base::format(" {} ", insertion_->medium.disk.vdev));
}

void Media::look() {
  if (!insertion_ || insertion_->asked)
    return;
  auto there = is_there();
  if (!there)
    return failed(there.error().message());
  if (*there)
    ask_qemu();
}

void Media::ask_qemu() {
  insertion_->asked = true;
  insertion_->deadline = loop_.at(Deadline::after(limits_.to_take), [this] { overdue(); });
  const Medium &medium = insertion_->medium;
  std::string arguments =
      base::format(R"({{"id":{},"filename":"/dev/{}","format":"{}"}})", qmp::quoted(medium.drive),
                   medium.disk.vdev, disk::format_name(medium.disk.format));
  auto sent = monitors_.ask(
      "blockdev-change-medium", arguments,
      [this, number = medium.number](const qmp::Reply &reply) { answered(number, reply); });
  if (!sent)
    failed(sent.error().message());
}

void Media::answered(uint64_t number, const qmp::Reply &reply) {
  if (insertion_ && insertion_->medium.number == number)
    return reply.failed() ? failed(reply.error) : inserted();
  if (undecided_ && undecided_->number == number)
    answered_late(reply);
}

void Media::inserted() {
  Insertion insertion = std::move(*insertion_);
  insertion_.reset();
  base::log_info("CD-ROM drive {} has {} now", insertion.medium.drive,
                 files_.at(insertion.medium.disk.vdev).name());
  auto put = put_in(std::move(insertion.medium));
  insertion.answer(put.transform([] { return std::string("{}"); }));
  tell_idle();
}

// The drive has it: what was in it before is of no use any more.
Result<> Media::put_in(Medium medium) {
  const xen::DomId stub = medium.stub;
  auto former = TRY(plan::set_medium(plan_, medium.drive, std::move(medium.disk)));
  if (former)
    take_out(stub, *former);
  return {};
}

// QEMU may be about to open the disk, or have it open, so it is not taken away.
void Media::overdue() {
  give_up(base::format("QEMU has not answered within {} s", limits_.to_take.count() / 1000),
          [this](Medium &medium) {
            names_kept_.insert(medium.disk.vdev);
            undecided_ = std::move(medium);
          });
}

void Media::answered_late(const qmp::Reply &reply) {
  Medium medium = std::move(*undecided_);
  undecided_.reset();
  if (reply.failed())
    return take_out(medium.stub, medium.disk.vdev);
  base::log_warning("CD-ROM drive {} has {} after all: QEMU has taken it late", medium.drive,
                    files_.at(medium.disk.vdev).name());
  names_kept_.erase(medium.disk.vdev);
  base::log_failure(put_in(std::move(medium)));
}

void Media::failed(const std::string &why) {
  give_up(why, [this](Medium &medium) { take_out(medium.stub, medium.disk.vdev); });
}

// What becomes of the disk is decided before anybody is told.
void Media::give_up(const std::string &why, const std::function<void(Medium &medium)> &dispose) {
  Insertion insertion = std::move(*insertion_);
  insertion_.reset();
  Medium &medium = insertion.medium;
  auto failure = base::fail("insert {} into CD-ROM drive {}: {}",
                            files_.at(medium.disk.vdev).name(), medium.drive, why);
  base::log_failure(failure.error());
  dispose(medium);
  insertion.answer(std::move(failure));
  tell_idle();
}

// A disk that does not go keeps its name.
void Media::take_out(xen::DomId stub, const std::string &vdev) {
  files_.erase(vdev);
  names_kept_.insert(vdev);
  leaving_++;
  stubdom_.detach(stub, vdev, [this, vdev](const Result<> &result) {
    leaving_--;
    if (result)
      names_kept_.erase(vdev);
    else
      base::log_error("unplug disk {}: {}", vdev, result.error().message());
    tell_idle();
  });
}

void Media::abandon() {
  if (auto undecided = std::exchange(undecided_, std::nullopt))
    files_.erase(undecided->disk.vdev);
  if (insertion_)
    give_up("the stub domain is going",
            [this](const Medium &medium) { files_.erase(medium.disk.vdev); });
}

void Media::when_idle(std::function<void()> then) {
  waiters_.add(std::move(then));
  tell_idle();
}

void Media::tell_idle() {
  waiters_.tell([this] { return !busy(); });
}

} // namespace linstub::dm
