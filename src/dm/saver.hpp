// SPDX-License-Identifier: MIT
// Saver: the state of the guest's QEMU, as far as it is in dom0's hands: saves for the toolstack
// and for an upgrade, and the state that the next stub domain starts from.
#pragma once

#include "disk/state_file.hpp"
#include "dm/life.hpp"
#include "dm/monitor.hpp"
#include "dm/state_mover.hpp"
#include "dm/stub_link.hpp"

#include <functional>
#include <memory>
#include <string>

namespace linstub::dm {

class Saver {
public:
  struct Context {
    base::EventLoop &loop;
    broker::Host &host;
    const Life &life;
    StubLink &link;
    Monitor &monitors;
    disk::SavedForm form = disk::SavedForm::marked; // of what a toolstack is given
  };

  // All in the context must outlive it. `failed` is told why a save for the toolstack has failed.
  Saver(Context context, std::function<void(const std::string &why)> failed)
      : context_(context), failed_(std::move(failed)), mover_(context.loop, context.host) {}

  // --- Save ---

  // A command on its way to QEMU, which may be the sign of a save: then the disk is plugged, for
  // that takes longer than to move the state. The sign is that QEMU shall log which pages of the
  // guest it dirties (xen-set-global-dirty-log): libxl asks for it first in each save and migration
  // of an HVM guest, and never else, and takes it back at the end (xg_sr_save_x86_hvm.c: setup and
  // cleanup). It comes from dom0 only. Other signs are none: that the guest is suspended, a guest
  // can bring about itself; and a question for its CPUs comes also of `xl list -l`.
  void before_command(std::string_view command, std::string_view arguments);

  // QMP's xen-save-devices-state: `target` is the file of dom0 that libxl has passed. `answer` is
  // called once.
  void save_for_toolstack(const qmp::Command &command, const base::Fd &target,
                          const Monitor::Answer &answer);

  // QMP's cont: the guest is about to go on where it is. `done` is called once; an error: somebody
  // has got one of its images meanwhile, or QEMU does not want to.
  void go_on(const broker::Done &done);

  // Calls `ready` when save_for_upgrade() would begin at once, or there is no hope of that.
  void prepare_for_upgrade(std::function<void()> ready);

  // `done` is called once, from the event loop, with the length of the state in bytes; then the
  // state is what the next stub domain starts from. Not called if abandon() comes first.
  using Saved = std::function<void(base::Result<uint64_t> length)>;
  base::Result<> save_for_upgrade(base::Deadline deadline, Saved done);

  // --- Restore ---

  // An upgrade has failed after all: what was saved is nobody's, and what was prepared for it goes.
  void drop();

  // The next stub domain starts from a state.
  void expect_arrival() { kept_ = true; }
  [[nodiscard]] bool expects_arrival() const { return kept_; }

  // QEMU in the stub domain runs with that state, if there was one: the disk that has brought it
  // goes, and the memory that was for restoring.
  void arrived();

  // --- Both ---

  [[nodiscard]] bool busy() const { return mover_.busy(); }

  // The stub domain is going: who waits for a save is told that it has failed.
  void abandon() { mover_.abandon(); }

private:
  [[nodiscard]] bool serves() const;
  void begin_for_toolstack(SaveFor purpose, base::Deadline deadline,
                           const std::shared_ptr<base::Fd> &target, const Monitor::Answer &answer);
  void saved_for_upgrade(const base::Result<uint64_t> &length, const Saved &done);
  void saved_for_toolstack(const base::Result<SavedState> &state, const Monitor::Answer &answer);
  [[nodiscard]] StateSave::Context save_context() const;

  Context context_;
  std::function<void(const std::string &why)> failed_;
  StateMover mover_;
  bool kept_ = false; // a state for the next stub domain: until QEMU has it
};

} // namespace linstub::dm
