// SPDX-License-Identifier: MIT
#include "broker/leaving_disks.hpp"

#include "base/log.hpp"
#include "wire/leaving_disks.hpp"
#include "wire/paths.hpp"

#include <algorithm>
#include <utility>

namespace linstub::broker {
using base::Deadline;
using base::Result;

std::string LeavingDisks::node(const char *name) const {
  return base::format("{}/{}", xen::domain_path(stub_), name);
}

// There is one stub domain at a time: those of the one before have been dropped.
void LeavingDisks::await(xen::DomId stub, const std::string &vdev, Done may_go) {
  stub_ = stub;
  const auto answers = xenstore_.read_if_there(node(wire::left_node), wire::longest_leaving);
  if (answers && !*answers)
    return may_go({});
  auto timer = loop_.at(Deadline::after(timeout_), [this, vdev] { give_up(vdev); });
  leaving_.push_back({.vdev = vdev, .may_go = std::move(may_go), .timer = std::move(timer)});
  base::log_failure(ask());
}

// With each question a serial of its own, an answer to an earlier one says nothing of a disk that
// has had the name of a present one.
Result<> LeavingDisks::ask() {
  wire::LeavingDisks question{.serial = ++serial_, .names = {}};
  std::ranges::transform(leaving_, std::back_inserter(question.names), &Leaving::vdev);
  return xenstore_.write(node(wire::leaving_node), wire::encode(question));
}

void LeavingDisks::look() {
  if (leaving_.empty())
    return;
  const auto names = released();
  if (names && !names->empty())
    let_go(*names);
}

// The names that the answer to the last question has: whatever they are.
Result<std::vector<std::string>> LeavingDisks::released() {
  const auto text = TRY(xenstore_.read_if_there(node(wire::left_node), wire::longest_leaving));
  auto answer = TRY(wire::decode_leaving_disks(text.value_or("")));
  if (answer.serial != serial_)
    answer.names.clear();
  return std::move(answer.names);
}

void LeavingDisks::give_up(const std::string &vdev) {
  base::log_warning("disk {}: QEMU has not let go of it for {} s, and what it has not written to "
                    "the image is lost",
                    vdev, timeout_.count() / 1000);
  let_go({vdev});
}

// Who is told may have another one leave.
void LeavingDisks::let_go(const std::vector<std::string> &names) {
  std::vector<Leaving> going;
  for (auto at = leaving_.begin(); at != leaving_.end();) {
    if (std::ranges::contains(names, at->vdev)) {
      going.push_back(std::move(*at));
      at = leaving_.erase(at);
    } else {
      at++;
    }
  }
  if (going.empty())
    return;
  base::log_failure(ask());
  for (const Leaving &disk : going)
    disk.may_go({});
}

void LeavingDisks::drop() {
  for (const Leaving &disk : std::exchange(leaving_, {}))
    disk.may_go(base::fail("disk {} goes with its stub domain", disk.vdev));
}

} // namespace linstub::broker
