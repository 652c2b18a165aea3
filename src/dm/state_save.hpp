// SPDX-License-Identifier: MIT
// StateSave: gets the state of QEMU in the stub domain into a file of dom0, by way of a virtual
// disk that is plugged for it.
//
//     plug the disk ─► linstub-init is ready ┐
//                                   save() ──┴─► QEMU saves ─┬► QEMU says so ──────────┬► copied
//                                                            └► the record is written ─┘    │
//                                                                                    done ◄─┘
// The disk can be plugged before it is known that there will be a save: it is most of the work.
#pragma once

#include "base/event_loop.hpp"
#include "broker/host.hpp"
#include "disk/state_copy.hpp"
#include "disk/state_file.hpp"
#include "dm/channel.hpp"
#include "dm/monitor.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace linstub::dm {

// What QEMU does with the disks afterwards.
enum class SaveFor : uint8_t {
  elsewhere, // gives them up: another QEMU goes on. "cont" takes them back
  snapshot,  // keeps them
};

// What a save has come to: a file whose state was found whole.
struct SavedState {
  disk::StateFile file;
  uint64_t length = 0; // of QEMU's bytes
};

class StateSave final : public Channel::Stream {
public:
  using Ready = std::function<void()>;
  using Done = std::function<void(base::Result<SavedState> state)>;
  using Target = std::optional<disk::StateCopy::Target>;
  struct Context {
    base::EventLoop &loop;
    Channel &channel;
    Monitor &monitors;
    broker::Host &host;
  };

  // Plugs the disk. `ready` is called when a save would begin at once, not if it does. `done` is
  // called once, after save(), or before if it fails before; from the event loop, and may destroy
  // the StateSave. The disk may still be plugged then, in every outcome: StateMover::detach() is
  // due. If start() fails, it is not.
  static base::Result<std::unique_ptr<StateSave>> start(Context context, Ready ready, Done done);
  StateSave(const StateSave &) = delete;
  StateSave &operator=(const StateSave &) = delete;
  ~StateSave() override;

  // Whether a save would begin at once.
  [[nodiscard]] bool ready() const { return accepted_ && file_; }

  // Once. The deadline is for all of it, to the last byte of the copy to `target`, if there is one.
  void save(SaveFor purpose, base::Deadline deadline, Target target = {});

private:
  StateSave(Context context, Ready ready, Done done)
      : context_(context), ready_(std::move(ready)), done_(std::move(done)) {}

  void plugged(base::Result<base::Fd> file);
  void ask_if_ready();
  void ask();
  void on_accept() override;
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override {}
  void on_close(std::string_view reason) override;
  void replied(const qmp::Reply &reply);
  void copy_if_complete();
  void finish(base::Result<uint64_t> length);

  Context context_;
  std::optional<SaveFor> purpose_;      // none before save()
  std::optional<disk::StateFile> file_; // once it is plugged
  Ready ready_;
  Done done_;
  wire::StreamId stream_ = 0; // 0: none
  bool accepted_ = false;
  bool committed_ = false;
  bool replied_ = false;
  Target target_;
  std::unique_ptr<disk::StateCopy> copy_;                 // of file_
  std::shared_ptr<int> alive_ = std::make_shared<int>(0); // for a reply that comes too late
  base::EventLoop::Handle deadline_;
  base::EventLoop::Handle finish_;
};

} // namespace linstub::dm
