// SPDX-License-Identifier: MIT
// StateFile: the file of dom0 behind a state disk (wire/state_record.hpp). It lies in memory
// (/run), sparse, and goes with this object.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace linstub::disk {

class StateFile {
public:
  // An empty one, for a stub domain to write to.
  static base::Result<StateFile> make(xen::DomId guest);

  // One with all that can be read from `source`, QEMU's bytes: for a stub domain to restore from.
  static base::Result<StateFile> fill(xen::DomId guest, const base::Fd &source);

  // One that somebody else has made, by its descriptor: it does not go with this object.
  static StateFile of(base::Fd fd) { return {{}, std::move(fd)}; }

  StateFile(StateFile &&other) noexcept
      : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
  StateFile &operator=(StateFile &&) = delete;
  StateFile(const StateFile &) = delete;
  StateFile &operator=(const StateFile &) = delete;
  ~StateFile();

  [[nodiscard]] const std::string &path() const { return path_; }

  // Checks the state that a stub domain has written, and copies QEMU's bytes to `target`, from its
  // start; says how many. What they are is for QEMU to know; that they are whole is known here.
  [[nodiscard]] base::Result<uint64_t> copy_to(const base::Fd &target) const;

  // The same check without a copy.
  [[nodiscard]] base::Result<uint64_t> check() const;

private:
  StateFile(std::string path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  base::Result<> write_from(const base::Fd &source);

  std::string path_;
  base::Fd fd_;
};

} // namespace linstub::disk
