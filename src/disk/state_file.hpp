// SPDX-License-Identifier: MIT
// StateFile: the file of dom0 behind a state disk (wire/state_record.hpp).
//
// It lies in memory and in no directory (memfd_create(2)), and its size is sealed. So what a stub
// domain writes to its disk takes memory of dom0 up to wire::state_disk_size, and room from nobody
// else's files; nothing has to be mounted for that; and nothing can be left behind, because the
// kernel drops it with the last who has it open: this object, or the loop device above it.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

#include <string>
#include <utility>

namespace linstub::disk {

// What `losetup -a` shows of such a file begins with this, behind "/memfd:". The guest's domid
// follows.
constexpr const char *state_file_name = "linstub-state-";

class StateFile {
public:
  // An empty one, for a stub domain to write to. It is sparse.
  static base::Result<StateFile> make(xen::DomId guest);

  // One with QEMU's bytes of a saved state (saved_state.hpp), from where `source` stands to its
  // end: for a stub domain to restore from. `source` has to be a regular file, as libxl's is, since
  // it is read at once: it can be waited for no longer than a disk can.
  static base::Result<StateFile> fill(xen::DomId guest, const base::Fd &source);

  // One that somebody else has made, by its descriptor.
  static StateFile of(base::Fd fd) { return {{}, std::move(fd)}; }

  StateFile(StateFile &&) = default;
  StateFile &operator=(StateFile &&) = delete;
  StateFile(const StateFile &) = delete;
  StateFile &operator=(const StateFile &) = delete;

  // Leads to the file as long as this object is there and its process, for root only: below /proc.
  [[nodiscard]] const std::string &path() const { return path_; }

  [[nodiscard]] const base::Fd &fd() const { return fd_; }

  // Whether QEMU's bytes have that word in them: the name of a section, say ("tpm-emulator").
  [[nodiscard]] base::Result<bool> mentions(std::string_view word) const;

private:
  StateFile(std::string path, base::Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  base::Result<> write_from(const base::Fd &source);

  std::string path_;
  base::Fd fd_;
};

} // namespace linstub::disk
