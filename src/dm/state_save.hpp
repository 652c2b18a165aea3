// StateSave: gets the state of QEMU in the stub domain into a file of dom0, by way of a virtual
// disk that is plugged for it.
//
//     attach the disk ─► linstub-init is ready ─► QEMU saves ─┬► QEMU says so ──────────┬► done
//                                                             └► the record is written ─┘
#pragma once

#include "base/event_loop.hpp"
#include "dm/channel.hpp"
#include "dm/helper.hpp"
#include "dm/monitor.hpp"
#include "dm/state_file.hpp"

#include <functional>
#include <memory>

namespace linstub::dm {

// What QEMU does with the disks afterwards.
enum class SaveFor : uint8_t {
  elsewhere, // gives them up: another QEMU goes on. "cont" takes them back
  snapshot,  // keeps them
};

class StateSave final : public Channel::Stream {
public:
  using Done = std::function<void(base::Result<StateFile> state)>;
  struct Context {
    base::EventLoop &loop;
    Channel &channel;
    Monitors &monitors;
    xen::DomId guest{};
    xen::DomId stub{};
  };

  // `done` is called once, from the event loop, and may destroy the StateSave. The disk is still
  // attached then, in every outcome: StateSave::detach_command is due.
  static base::Result<std::unique_ptr<StateSave>> start(Context context, SaveFor purpose,
                                                        base::Deadline deadline, Done done);
  StateSave(const StateSave &) = delete;
  StateSave &operator=(const StateSave &) = delete;
  ~StateSave() override;

  // Takes the disk away from the stub domain, used or not; none being there is no error.
  static std::vector<std::string> detach_command(xen::DomId stub);

private:
  StateSave(Context context, SaveFor purpose, StateFile file, Done done)
      : context_(context), purpose_(purpose), file_(std::move(file)), done_(std::move(done)) {}

  void attached(const base::Result<std::string> &output);
  void on_accept() override;
  void on_data(std::span<const std::byte> bytes) override;
  void on_credit() override {}
  void on_close(std::string_view reason) override;
  void replied(const qmp::Reply &reply);
  void finish_if_complete();
  void finish(base::Result<> result);

  Context context_;
  SaveFor purpose_;
  StateFile file_;
  Done done_;
  std::unique_ptr<Helper> attach_;
  wire::StreamId stream_ = 0; // 0: none
  bool committed_ = false;
  bool replied_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0); // for a reply that comes too late
  base::EventLoop::Handle deadline_;
  base::EventLoop::Handle finish_;
};

} // namespace linstub::dm
