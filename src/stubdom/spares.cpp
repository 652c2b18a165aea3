// SPDX-License-Identifier: MIT
#include "stubdom/spares.hpp"

#include "run/directory.hpp"
#include "stubdom/ownership.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace linstub::stubdom {
namespace {

using base::Result;

constexpr size_t longest_record = size_t{64} << 10;
constexpr useconds_t between_looks = 100'000;

std::string lock_path() { return base::format("{}/spares.lock", run::directory()); }

bool is_at(const base::Fd &file, const std::string &path) {
  struct stat own{};
  struct stat there{};
  return ::fstat(file.get(), &own) == 0 && ::stat(path.c_str(), &there) == 0 &&
         own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

// Nothing if its record has gone to somebody else meanwhile, or was never finished.
std::optional<plan::Description> made_as(const run::Spare &spare) {
  auto text = base::read_file(run::spare_path(spare), longest_record);
  if (!text)
    return std::nullopt;
  auto description = plan::decode_description(*text);
  return description ? std::optional(std::move(*description)) : std::nullopt;
}

// The domain of one that can be used.
Result<std::optional<xen::DomId>> domain_of(const run::Spare &spare, xen::Control &control) {
  const auto all = TRY(control.domains());
  const auto found = std::ranges::find(all, spare.uuid, &xen::DomainInfo::uuid);
  if (found == all.end() || found->has_ended())
    return std::nullopt;
  return found->domid;
}

} // namespace

SparesLock::~SparesLock() {
  if (file_)
    ::unlink(lock_path().c_str());
}

Result<SparesLock> SparesLock::take(base::Deadline deadline) {
  TRY(run::make_directory());
  const std::string path = lock_path();
  for (;; ::usleep(between_looks)) {
    base::Fd file = TRY(base::open_file(path, O_RDWR | O_CREAT, S_IRUSR | S_IWUSR));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      if (is_at(file, path)) // and not what somebody has removed with a lock of theirs
        return SparesLock(std::move(file));
      continue;
    }
    if (errno != EWOULDBLOCK && errno != EINTR)
      return base::fail_errno(errno, "lock {}", path);
    if (deadline.passed())
      return base::fail_errno(ETIMEDOUT, "wait for another program that makes spare stub domains");
  }
}

Result<run::Spare> announce_spare(const plan::Description &description) {
  const run::Spare spare{.stage = run::SpareStage::making, .uuid = TRY(xen::new_uuid())};
  TRY(run::make_directory());
  const base::Fd record = TRY(base::open_file(run::spare_path(spare), O_WRONLY | O_CREAT | O_EXCL));
  TRY(base::write_all(record, plan::encode(description)));
  return spare;
}

Result<bool> is_as_wanted(const run::Spare &spare, const plan::Description &wanted,
                          xen::Control &control) {
  if (spare.stage != run::SpareStage::ready || !TRY(domain_of(spare, control)))
    return false;
  const auto made = made_as(spare);
  return made && made->memory == wanted.memory && plan::suits(*made, wanted);
}

std::optional<xen::DomId> take_spare(const plan::Description &wanted, xen::Control &control) {
  for (const run::Spare &spare : run::spares()) {
    if (spare.stage != run::SpareStage::ready)
      continue;
    const auto made = made_as(spare);
    if (!made || !plan::suits(*made, wanted))
      continue;
    const auto domid = domain_of(spare, control).value_or(std::nullopt);
    const std::string record = record_path(wanted.guest, spare.uuid);
    if (domid && std::rename(run::spare_path(spare).c_str(), record.c_str()) == 0)
      return domid;
  }
  return std::nullopt;
}

} // namespace linstub::stubdom
