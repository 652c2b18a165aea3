// SPDX-License-Identifier: MIT
// Loop devices of dom0.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace linstub::disk {

// What marks the loop devices that are made here, from their first moment: their "sizelimit", which
// is beyond the end of any file, so that it limits nothing. sysfs shows it, so a rule of udev knows
// them by it without opening them, and has dom0 leave alone what guests write: config/udev/. (In
// ASCII it reads "linstub".)
constexpr uint64_t loop_mark = 0x6c'69'6e'73'74'75'62;

enum class LoopAccess { read_only, read_write };

// A new loop device over a file; its path. It lives until remove_loop(). The kernel does not look
// for partitions in it.
base::Result<std::string> make_loop(const std::string &file, LoopAccess access);

// Which use of a loop device this is: a number that no earlier and no later one has (the kernel's
// sequence of disks). Nothing if no file is behind it.
base::Result<std::optional<uint64_t>> loop_use(const std::string &device);

// Detaches it, as soon as nobody uses it any more. That it is detached already is no error.
base::Result<> remove_loop(const std::string &device);

} // namespace linstub::disk
