// SPDX-License-Identifier: MIT
#include "bench/metric.hpp"

#include <algorithm>
#include <array>

namespace linstub::bench {
namespace {

constexpr std::array table{
    Metric{"start.created", "`xl create` returns", "s", 1, 1},
    Metric{"start.userland", "create to userland", "s", 1, 1},
    Metric{"start.destroyed", "`xl destroy`", "s", 1, 1},
    Metric{"exit.port", "port read that QEMU emulates", "ms", 1e3, 3},
    Metric{"cpu.work", "arithmetic in the guest, a million steps", "ms", 1e6, 2},
    Metric{"disk.read-64k", "IDE, sequential read of 64 KiB", "ms", 1e3, 2},
    Metric{"disk.read-4k", "IDE, random read of 4 KiB", "ms", 1e3, 2},
    Metric{"disk.write-64k", "IDE, sequential write of 64 KiB", "ms", 1e3, 2},
    Metric{"disk.flush-4k", "IDE, write of 4 KiB and flush", "ms", 1e3, 2},
    Metric{"memory.stub", "stub domain, as Xen counts it", "MiB", 1.0 / (1 << 20), 0},
    Metric{"memory.dom0", "processes of dom0 for the guest, proportional", "MiB", 1.0 / (1 << 20),
           1},
};

} // namespace

std::span<const Metric> metrics() { return table; }

const Metric *find_metric(std::string_view id) {
  const auto *found = std::ranges::find(table, id, &Metric::id);
  return found == table.end() ? nullptr : found;
}

} // namespace linstub::bench
