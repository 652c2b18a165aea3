// SPDX-License-Identifier: MIT
// Keeper: a tiny process that outlives a linstub-dm that dies without an orderly end (kill -9). It
// then runs "linstub-stubdom rescue", which removes the stub domain and crashes the guest, so that
// nothing leaks and on_crash decides.
//
// It waits for the end of a pipe that linstub-dm holds open. linstub-stubdom holds it too while it
// makes a stub domain, so that the keeper does not look before there is something to find.
#pragma once

#include "base/fd.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

namespace linstub::broker {

class Keeper {
public:
  // Call it before the process has threads and memory of its own: the keeper is a fork.
  static base::Result<Keeper> start(xen::DomId guest, const char *helper);
  Keeper(Keeper &&) = default;
  Keeper &operator=(Keeper &&) = default;

  // What linstub-stubdom has to hold open.
  [[nodiscard]] int pipe() const { return pipe_.get(); }

  // Readable when the keeper has ended, which it should not: start another one.
  [[nodiscard]] const base::Fd &pidfd() const { return pidfd_; }

  // An orderly end: the keeper goes without doing anything.
  void dismiss();

private:
  Keeper(base::Fd pipe, base::Fd pidfd) : pipe_(std::move(pipe)), pidfd_(std::move(pidfd)) {}

  base::Fd pipe_;
  base::Fd pidfd_;
};

} // namespace linstub::broker
