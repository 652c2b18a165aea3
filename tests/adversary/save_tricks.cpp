// SPDX-License-Identifier: MIT
// What can be done when dom0 wants the state saved, with the disk that it then gives.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "sys/direct_disk.hpp"
#include "tricks.hpp"
#include "wire/state_record.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace linstub::adversary {
namespace {

using base::Milliseconds;
using wire::FrameType;

constexpr auto write_limit = std::chrono::seconds(600);
constexpr size_t chunk = sys::DirectDisk::chunk;

// The state disk, as soon as it is there.
sys::DirectDisk open_disk(Adversary &adversary) {
  for (;;) {
    for (const char *name : wire::state_disks) {
      auto disk = sys::DirectDisk::open(base::format("/dev/{}", name), sys::DiskAccess::read_write);
      if (disk)
        return std::move(*disk);
    }
    adversary.serve(Milliseconds(50));
  }
}

// Writes all of the disk, with what cannot be left out as zeros could: how much it takes.
uint64_t fill(Adversary &adversary, sys::DirectDisk &disk) {
  std::ranges::fill(disk.buffer(), std::byte{0xaa});
  for (uint64_t at = 0;; at += chunk) { // to its end, or to the end of dom0's patience
    auto written = disk.write(at, chunk, base::Deadline::after(write_limit));
    if (!written)
      return at;
    adversary.serve_once(Milliseconds(0));
  }
}

void accept(Adversary &adversary, wire::StreamId stream) {
  auto window = wire::encode_window(1);
  adversary.line().put({.type = FrameType::accept, .stream = stream, .length = window.size()},
                       window);
}

void commit(Adversary &adversary, wire::StreamId stream) {
  adversary.send(stream, std::span(&wire::committed, 1));
}

void write_record(sys::DirectDisk &disk, uint64_t length) {
  std::ranges::copy(wire::encode(wire::StateRecord{.length = length}), disk.buffer().begin());
  base::log_failure(disk.write(0, wire::state_record_size, base::Deadline::after(write_limit)));
}

} // namespace

// Fills the disk again and again, and never says that it is done.
void save_without_end(Adversary &adversary) {
  adversary.on_save = [&adversary](wire::StreamId stream) {
    accept(adversary, stream);
    for (uint64_t most = 0;;) {
      auto disk = open_disk(adversary);
      most = std::max(most, fill(adversary, disk));
      adversary.say(base::format("filled the state disk: {} bytes", most));
      adversary.serve(Milliseconds(100));
    }
  };
}

// A state as long as the disk is: dom0 has to read it to know that its digest is wrong.
void save_the_whole_disk(Adversary &adversary) {
  adversary.on_save = [&adversary](wire::StreamId stream) {
    accept(adversary, stream);
    auto disk = open_disk(adversary);
    const uint64_t size = fill(adversary, disk);
    auto fresh = open_disk(adversary); // the other is of no use after an error
    write_record(fresh, size - wire::state_offset);
    adversary.say(base::format("a state of {} bytes", size - wire::state_offset));
    commit(adversary, stream);
  };
}

// Done at once, without a state; then more than the one byte that is due.
void save_nothing(Adversary &adversary) {
  adversary.on_save = [&adversary](wire::StreamId stream) {
    accept(adversary, stream);
    adversary.serve(Milliseconds(500));
    for (int i = 0; i < 64; i++)
      commit(adversary, stream);
    adversary.say("said that nothing is saved");
  };
}

} // namespace linstub::adversary
