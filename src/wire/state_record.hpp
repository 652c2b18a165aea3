// SPDX-License-Identifier: MIT
// The state disk: how the saved state of a device model crosses between dom0 and the stub domain.
//
// A virtual disk that exists only while state moves. QEMU's bytes, as they are, begin at
// state_offset; the commit record in the first sector is written last, after all before it has
// reached the disk. A disk without a valid record holds no state; one whose bytes do not have the
// record's digest holds a damaged one. Both are refused before QEMU sees a byte.
//
// The record, all numbers little endian, 512 bytes:
//
//     offset  size
//     0       8     magic "LSTBSTAT"
//     8       4     version: 1
//     12      4     zero
//     16      8     length of QEMU's bytes
//     24      32    their SHA-256
//     56      456   zero
//
// The digest protects from torn and damaged states, not from a hostile side: whoever writes the
// disk writes the digest.
#pragma once

#include "base/result.hpp"
#include "base/sha256.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace linstub::wire {

constexpr uint32_t state_version = 1;
constexpr size_t state_record_size = 512; // a sector: written whole or not at all
constexpr uint64_t state_offset = 4096;

// The size of the disk, and with it the largest state. States are some tens of kilobytes: the
// memory of a graphics card is the guest's, and not among it. So this is a thousand times more than
// is needed, and the most of dom0's memory that a hostile stub domain can fill with it.
constexpr uint64_t state_disk_size = uint64_t{64} << 20;
constexpr uint64_t longest_state = state_disk_size - state_offset;

// The disk in the stub domain: names that no disk of a guest has. A stub domain starts with the
// first one. Each one that is plugged later has another name than the one before: Linux does not
// see that a frontend has gone if one of the same number is there before it looks, and never uses
// the new one (drivers/xen/xenbus/xenbus_probe.c, xenbus_dev_changed()). At any time there is one
// at most.
constexpr std::array state_disks{"xvdaa", "xvdzx", "xvdzy"};
constexpr const char *state_disk = state_disks[0];

// QEMU's argument of -incoming, in whose place linstub-init puts a descriptor.
constexpr const char *incoming_argument = "linstub:state";

// The same for a stub domain that is to replace another one: the disk is empty until dom0 opens a
// stream to Service::restore (frame.hpp).
constexpr const char *awaited_argument = "linstub:awaited-state";

// The pipe in the stub domain that QEMU saves to (xen-save-devices-state).
constexpr const char *save_pipe = "/run/save.pipe";

// What linstub-init says on a save stream (frame.hpp) when the record is on the disk.
constexpr std::byte committed{'C'};

struct StateRecord {
  uint64_t length = 0;
  base::Sha256Digest digest{};

  bool operator==(const StateRecord &) const = default;
};

using StateRecordBytes = std::array<std::byte, state_record_size>;

StateRecordBytes encode(const StateRecord &record);

// Strict: every byte counts. The error says what is wrong in words for an administrator.
base::Result<StateRecord> decode_state_record(std::span<const std::byte, state_record_size> bytes);

} // namespace linstub::wire
