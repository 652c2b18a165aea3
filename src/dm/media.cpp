// SPDX-License-Identifier: MIT
#include "dm/media.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "qmp/message.hpp"

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

void Media::eject(const std::string &arguments, const Monitor::Answer &answer) {
  auto done = [this, drive = drive_of(arguments), answer](const qmp::Reply &reply) {
    if (reply.failed())
      return answer(base::fail("{}", reply.error));
    host_.medium_ejected(drive, leaving());
    answer("{}");
  };
  if (auto sent = monitors_.ask("eject", arguments, done); !sent)
    answer(std::unexpected(std::move(sent).error()));
}

void Media::change(const std::string &arguments, const base::Fd &medium,
                   const Monitor::Answer &answer) {
  if (auto begun = insert(arguments, medium, answer); !begun)
    answer(std::unexpected(std::move(begun).error()));
}

Result<> Media::insert(const std::string &arguments, const base::Fd &medium,
                       const Monitor::Answer &answer) {
  if (insertion_)
    return base::fail("another medium is being inserted");
  if (undecided_ != 0)
    return base::fail("QEMU has not yet answered whether it has taken the medium before this one");
  broker::Medium file{.drive = drive_of(arguments),
                      .format = qmp::string_member(arguments, "format").value_or("raw"),
                      .file = TRY(base::duplicate(medium))};
  const uint64_t number = ++last_insertion_;
  insertion_ = Insertion{.number = number,
                         .drive = file.drive,
                         .format = file.format,
                         .vdev = {},
                         .answer = answer,
                         .deadline = loop_.at(Deadline::after(limits_.to_plug), [this] {
                           failed(base::format("the stub domain has not got it within {} s",
                                               limits_.to_plug.count() / 1000));
                         })};
  host_.insert_medium(std::move(file), [this, number](Result<std::string> vdev) {
    plugged(number, std::move(vdev));
  });
  return {};
}

void Media::plugged(uint64_t number, Result<std::string> vdev) {
  if (!insertion_ || insertion_->number != number)
    return; // given up meanwhile
  if (vdev) {
    insertion_->vdev = std::move(*vdev);
    return;
  }
  Insertion insertion = *std::exchange(insertion_, std::nullopt);
  insertion.answer(std::unexpected(std::move(vdev).error()));
}

void Media::there(const Result<> &there) {
  if (!insertion_ || insertion_->asked || insertion_->vdev.empty())
    return;
  there ? ask_qemu() : failed(there.error().message());
}

void Media::ask_qemu() {
  insertion_->asked = true;
  insertion_->deadline = loop_.at(Deadline::after(limits_.to_take), [this] { overdue(); });
  const Insertion &insertion = *insertion_;
  std::string arguments =
      base::format(R"({{"id":{},"filename":"/dev/{}","format":{}}})", qmp::quoted(insertion.drive),
                   insertion.vdev, qmp::quoted(insertion.format));
  auto sent = monitors_.ask(
      "blockdev-change-medium", arguments,
      [this, number = insertion.number](const qmp::Reply &reply) { answered(number, reply); });
  if (!sent)
    failed(sent.error().message());
}

void Media::answered(uint64_t number, const qmp::Reply &reply) {
  if (insertion_ && insertion_->number == number)
    return reply.failed() ? failed(reply.error) : inserted();
  if (undecided_ != number)
    return;
  undecided_ = 0;
  if (!reply.failed())
    base::log_warning("QEMU has taken a medium late, after all");
  host_.end_insertion(reply.failed() ? broker::Insertion::failed : broker::Insertion::taken,
                      leaving());
}

// QEMU may be about to open the disk, or have it open, so it is not taken away.
void Media::overdue() {
  undecided_ = insertion_->number;
  give_up(base::format("QEMU has not answered within {} s", limits_.to_take.count() / 1000));
}

void Media::inserted() {
  Insertion insertion = *std::exchange(insertion_, std::nullopt);
  host_.end_insertion(broker::Insertion::taken, leaving());
  insertion.answer("{}");
}

void Media::failed(const std::string &why) {
  host_.end_insertion(broker::Insertion::failed, leaving());
  give_up(why);
}

void Media::give_up(const std::string &why) {
  Insertion insertion = *std::exchange(insertion_, std::nullopt);
  auto failure = base::fail("insert a medium into CD-ROM drive {}: {}", insertion.drive, why);
  base::log_failure(failure.error());
  insertion.answer(std::move(failure));
}

// Counts a disk that is on its way out; what to call when it is.
broker::Done Media::leaving() {
  leaving_++;
  return [this](const Result<> &unplugged) {
    leaving_--;
    base::log_failure(unplugged);
  };
}

void Media::abandon() {
  undecided_ = 0;
  if (insertion_)
    give_up("the stub domain is going");
}

} // namespace linstub::dm
