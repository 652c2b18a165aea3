// SPDX-License-Identifier: MIT
#include "stub/released_disks.hpp"

#include "base/log.hpp"
#include "xen/vbd.hpp"

#include <algorithm>

namespace linstub::stub {
namespace {

std::string path_of(const std::string &name) { return "/dev/" + name; }

} // namespace

wire::LeavingDisks ReleasedDisks::look(const wire::LeavingDisks &asked) {
  forget_others(asked);
  wire::LeavingDisks answer{.serial = asked.serial, .names = {}};
  for (const std::string &name : asked.names) {
    if (!xen::is_disk_name(name))
      continue;
    const auto [at, is_new] = disks_.try_emplace(name);
    if (is_new)
      at->second.id = ++last_id_;
    look_at(name, at->second);
    if (at->second.phase == Phase::released)
      answer.names.push_back(name);
  }
  return answer;
}

// What has gone may come again, as another disk.
void ReleasedDisks::forget_others(const wire::LeavingDisks &asked) {
  std::erase_if(disks_, [&](const auto &one) {
    if (std::ranges::contains(asked.names, one.first))
      return false;
    world_.unwatch(path_of(one.first));
    return true;
  });
}

void ReleasedDisks::look_at(const std::string &name, Disk &disk) {
  if (disk.phase != Phase::open)
    return;
  const std::string path = path_of(name);
  const auto watched = world_.watch(path); // before the look: no close is missed
  if (!watched && watched.error().code() != ENOENT)
    base::log_failure(watched, base::LogLevel::warning);
  const auto open = world_.has_open(path);
  base::log_failure(open, base::LogLevel::warning);
  if (open.value_or(true))
    return;
  world_.unwatch(path);
  disk.phase = Phase::writing;
  base::log_debug("QEMU has let go of {}", path);
  const auto begun = world_.write_back(path, [this, name, id = disk.id] { written(name, id); });
  if (begun)
    return;
  base::log_failure(begun, base::LogLevel::warning);
  disk.phase = Phase::released; // what cannot be written back is not waited for
}

void ReleasedDisks::written(const std::string &name, uint64_t id) {
  const auto found = disks_.find(name);
  if (found != disks_.end() && found->second.id == id)
    found->second.phase = Phase::released;
}

} // namespace linstub::stub
