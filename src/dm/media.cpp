// SPDX-License-Identifier: MIT
#include "dm/media.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "disk/disk_image.hpp"
#include "disk/disk_plug.hpp"
#include "plan/drives.hpp"
#include "qmp/message.hpp"
#include "wire/paths.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

// libxl waits for 10 s for an answer.
constexpr Milliseconds plug_timeout{8'000};

// libxl names the drive by "id"; before QEMU 2.8 it was "device".
std::string drive_of(const std::string &arguments) {
  auto id = qmp::string_member(arguments, "id");
  return id ? *id : qmp::string_member(arguments, "device").value_or("");
}

// The path of a file that is open: the disk needs one, also when the stub domain is replaced.
Result<std::string> path_of(const base::Fd &fd) {
  std::error_code error;
  std::string path =
      std::filesystem::read_symlink(base::format("/proc/self/fd/{}", fd.get()), error).string();
  struct stat opened{};
  struct stat named{};
  if (error || ::fstat(fd.get(), &opened) != 0 || ::stat(path.c_str(), &named) != 0 ||
      opened.st_dev != named.st_dev || opened.st_ino != named.st_ino)
    return base::fail("the file of the medium has no name any more ({})", path);
  return path;
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
  std::string drive = drive_of(arguments);
  TRY(plan::medium_of(plan_, drive));
  disk::Disk disk{
      .path = TRY(path_of(medium)),
      .vdev = TRY(plan::free_disk_name(plan_, names_kept_)),
      .format = TRY(disk::parse_format(qmp::string_member(arguments, "format").value_or("raw"))),
      .mode = disk::DiskMode::read_only};
  TRY(disk::prepare_disk(disk));
  TRY(disk::plug_disk(xenstore_, stub, disk, LINSTUB_HOTPLUG));
  insertion_ = Insertion{.stub = stub,
                         .drive = std::move(drive),
                         .disk = std::move(disk),
                         .answer = answer,
                         .deadline = loop_.at(Deadline::after(plug_timeout), [this] {
                           failed(base::format("the stub domain has not got it within {} s",
                                               plug_timeout.count() / 1000));
                         })};
  return {};
}

// What the stub domain says is hostile: it is compared, no more.
Result<bool> Media::is_there() {
  auto disks = TRY(xenstore_.read_if_there(
      base::format("{}/{}", xen::domain_path(insertion_->stub), wire::disks_node),
      wire::longest_disks));
  return disks &&
         base::format(" {} ", *disks).contains(base::format(" {} ", insertion_->disk.vdev));
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
  const Insertion &insertion = *insertion_;
  insertion_->asked = true;
  insertion_->deadline.reset();
  std::string arguments = base::format(R"({{"id":{},"filename":"/dev/{}","format":"{}"}})",
                                       qmp::quoted(insertion.drive), insertion.disk.vdev,
                                       disk::format_name(insertion.disk.format));
  auto sent = monitors_.ask("blockdev-change-medium", arguments, [this](const qmp::Reply &reply) {
    if (insertion_)
      reply.failed() ? failed(reply.error) : inserted();
  });
  if (!sent)
    failed(sent.error().message());
}

void Media::inserted() {
  Insertion insertion = std::move(*insertion_);
  insertion_.reset();
  base::log_info("CD-ROM drive {} has {} now", insertion.drive, insertion.disk.path);
  auto former = plan::set_medium(plan_, insertion.drive, std::move(insertion.disk));
  if (former && *former)
    take_out(insertion.stub, **former);
  insertion.answer(former.transform([](const auto &) { return std::string("{}"); }));
  tell_idle();
}

void Media::failed(const std::string &why) {
  take_out(insertion_->stub, insertion_->disk.vdev);
  give_up(why);
}

void Media::give_up(const std::string &why) {
  Insertion insertion = std::move(*insertion_);
  insertion_.reset();
  auto failure =
      base::fail("insert {} into CD-ROM drive {}: {}", insertion.disk.path, insertion.drive, why);
  base::log_failure(failure.error());
  insertion.answer(std::move(failure));
  tell_idle();
}

// A disk that does not go keeps its name.
void Media::take_out(xen::DomId stub, const std::string &vdev) {
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
  if (insertion_)
    give_up("the stub domain is going");
}

void Media::when_idle(std::function<void()> then) {
  waiters_.add(std::move(then));
  tell_idle();
}

void Media::tell_idle() {
  waiters_.tell([this] { return !busy(); });
}

} // namespace linstub::dm
