// SPDX-License-Identifier: MIT
// A saved state: the device model's part of what a toolstack saves of a guest, as linstub-dm gives
// it to libxl and takes it back. It is what a QEMU has written that the guest may have taken over,
// so no QEMU in dom0 shall read it unless the administrator wants that (plan::Settings::
// portable_state). Therefore a header stands before QEMU's bytes, with which a QEMU refuses the
// whole ("Not a migration stream"): its own streams begin with the number 0x5145564d, big endian
// (migration/qemu-file-types.h: QEMU_VM_FILE_MAGIC).
//
// The header, all numbers little endian, 16 bytes:
//
//     offset  size
//     0       8     "LINSTUB" and a zero byte
//     8       4     version: 1
//     12      4     zero
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace linstub::disk {

constexpr uint32_t saved_state_version = 1;
constexpr size_t saved_state_header_size = 16;
using SavedStateHeader = std::array<std::byte, saved_state_header_size>;

// How a state is saved.
enum class SavedForm : uint8_t {
  marked, // with the header: for linstub-dm only
  plain,  // QEMU's bytes as they are: also for a QEMU in dom0
};

SavedStateHeader saved_state_header();

// How many bytes of a saved state, which begins with `start`, come before QEMU's: none, if it does
// not begin like the header. What does, and is not the header of this version byte by byte, is
// refused. `start` has all bytes of a header, if the saved state has so many.
base::Result<size_t> size_of_header(std::span<const std::byte> start);

} // namespace linstub::disk
