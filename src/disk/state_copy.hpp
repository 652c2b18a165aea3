// SPDX-License-Identifier: MIT
// StateCopy: checks the state that a stub domain has written to its state disk, and copies it for a
// toolstack. A slice of it in each turn of the event loop, so that nobody waits longer for the loop
// than one slice takes, whatever a stub domain says how long its state is.
#pragma once

#include "base/event_loop.hpp"
#include "base/sha256.hpp"
#include "disk/saved_state.hpp"
#include "disk/state_file.hpp"
#include "wire/state_record.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace linstub::disk {

class StateCopy {
public:
  // Bytes a turn: some milliseconds for the digest, on a slow machine.
  static constexpr size_t slice = size_t{256} << 10;

  // Where to: a regular file, which is written from its start, and ends with the state. A write
  // takes as long as the file system makes it wait.
  struct Target {
    base::Fd file;
    SavedForm form = SavedForm::marked;
  };

  // Checks the state in `file`, which must outlive this object, and copies QEMU's bytes to
  // `target`, if there is one. `done` is called once, from the event loop, with their number; it
  // may destroy this object, which ends the work at any time. After an error there is anything in
  // the target. The stub domain can still write to the disk: what is checked is what is copied.
  using Done = std::function<void(base::Result<uint64_t> length)>;
  static std::unique_ptr<StateCopy> start(base::EventLoop &loop, const StateFile &file,
                                          std::optional<Target> target, Done done);
  StateCopy(const StateCopy &) = delete;
  StateCopy &operator=(const StateCopy &) = delete;

private:
  StateCopy(base::EventLoop &loop, const StateFile &file, std::optional<Target> target, Done done)
      : loop_(loop), file_(file), target_(std::move(target)), done_(std::move(done)) {}
  void go_on();
  base::Result<> begin();
  base::Result<> copy_slice();
  base::Result<> finish();
  void call_done(base::Result<uint64_t> result);

  base::EventLoop &loop_;
  const StateFile &file_;
  std::optional<Target> target_;
  Done done_;
  std::optional<wire::StateRecord> record_;
  std::vector<std::byte> buffer_;
  base::Sha256 digest_;
  uint64_t copied_ = 0; // of QEMU's bytes
  uint64_t header_ = 0; // bytes before them in the target
  base::EventLoop::Handle turn_;
};

} // namespace linstub::disk
