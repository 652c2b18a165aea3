// SPDX-License-Identifier: MIT
// Spare stub domains: they have booted before there is a guest for them, as many as the setting
// "spares" says, so that a guest's start does not wait for that. Such a domain has QEMU's disk and
// nothing else, and rights over nobody; its linstub-init waits. Whichever guest takes it gives it
// target, devices and arguments, as it would to a new one, and has it alone and to the end.
//
// What they are to be is the host's settings' word: a guest whose own settings want another kernel
// command line, another image, other limits or more memory gets a new stub domain.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "plan/description.hpp"
#include "run/spares.hpp"
#include "xen/control.hpp"

#include <optional>

namespace linstub::stubdom {

// Who has this makes and ends spare stub domains. To take one it is not needed.
class SparesLock {
public:
  // Code ETIMEDOUT if somebody else has it all the time.
  static base::Result<SparesLock> take(base::Deadline deadline);
  SparesLock(SparesLock &&) = default;
  SparesLock(const SparesLock &) = delete;
  ~SparesLock();

private:
  explicit SparesLock(base::Fd file) : file_(std::move(file)) {}

  base::Fd file_; // root's alone: who may open it may hold it. It goes with the lock.
};

// Notes that one is about to be made.
base::Result<run::Spare> announce_spare(const plan::Description &description);

// Whether it is ready and exactly what is wanted now.
base::Result<bool> is_as_wanted(const run::Spare &spare, const plan::Description &wanted,
                                xen::Control &control);

// One that suits, if there is one: from now on its record says that it is the guest's
// (ownership.hpp).
std::optional<xen::DomId> take_spare(const plan::Description &wanted, xen::Control &control);

} // namespace linstub::stubdom
