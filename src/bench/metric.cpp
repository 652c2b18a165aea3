// SPDX-License-Identifier: MIT
#include "bench/metric.hpp"

#include "bench/contender.hpp"

#include <algorithm>
#include <array>

namespace linstub::bench {
namespace {

using enum Group;

struct GroupFacts {
  Group group;
  std::string_view name, title;
};
constexpr std::array group_table{
    GroupFacts{start, "start", "Start and end"},
    GroupFacts{exit, "exit", "Exits and CPU"},
    GroupFacts{disk, "disk", "Disk: IDE"},
    GroupFacts{ahci, "ahci", "Disk: AHCI"},
    GroupFacts{pv, "pv", "Disk: PV driver, qcow2"},
    GroupFacts{network, "network", "Network: e1000"},
    GroupFacts{screen, "screen", "Screen"},
    GroupFacts{resources, "resources", "Memory, CPU and what else it takes"},
    GroupFacts{state, "state", "Save, restore and upgrade"},
};

constexpr double milli = 1e3;
constexpr double mebi = 1.0 / (1 << 20);
constexpr double kibi = 1.0 / (1 << 10);
constexpr double giga = 1e9;
constexpr unsigned stub = has::stub_domain;

constexpr std::array table{
    Metric{"start.stub-built", start, "stub domain built", "s", 1, 1,
           has::stub_domain | has::new_stub},
    Metric{"start.stub-init", start, "its kernel is up, init runs", "s", 1, 1, has::linux_stub},
    Metric{"start.stub-qemu", start, "its devices are there, QEMU starts", "s", 1, 1,
           has::linux_stub},
    Metric{"start.model", start, "device model ready", "s"},
    Metric{"start.created", start, "`xl create` returns", "s"},
    Metric{"start.kernel", start, "BIOS and loader done, the guest's kernel begins", "s"},
    Metric{"start.userland", start, "guest's userland", "s"},
    Metric{"start.destroyed", start, "`xl destroy`", "s"},

    Metric{"exit.port", exit, "port read that QEMU emulates", "ms", milli, 3},
    Metric{"exit.mmio", exit, "read of a device's memory that QEMU emulates", "ms", milli, 3},
    Metric{"exit.pio", exit, "IDE command that reads 512 bytes by PIO (rep insw)", "ms", milli, 3},
    Metric{"exit.vga", exit, "buffered write: a word of VGA text", "ms", milli, 4},
    Metric{"cpu.work", exit, "arithmetic in the guest, a million steps", "ms", 1e6, 2},

    Metric{"disk.read-64k", disk, "IDE, sequential read of 64 KiB", "ms", milli, 2},
    Metric{"disk.read-4k", disk, "IDE, random read of 4 KiB", "ms", milli, 2},
    Metric{"disk.write-64k", disk, "IDE, sequential write of 64 KiB", "ms", milli, 2},
    Metric{"disk.flush-4k", disk, "IDE, write of 4 KiB and flush", "ms", milli, 2},
    Metric{"load.disk-dom0", disk, "CPU time of dom0 for reading a GB", "s", giga, 0, 0, true},
    Metric{"load.disk-stub", disk, "CPU time of the stub domain for it", "s", giga, 0, stub, true},
    Metric{"load.disk-guest", disk, "CPU time of the guest for it", "s", giga, 0, 0, true},

    Metric{"ahci.read-64k", ahci, "AHCI, sequential read of 64 KiB", "ms", milli, 2, has::ahci},
    Metric{"ahci.read-4k", ahci, "AHCI, random read of 4 KiB", "ms", milli, 2, has::ahci},
    Metric{"ahci.queue-4k", ahci, "AHCI, the same with 16 at once", "ms", milli, 2, has::ahci},
    Metric{"ahci.write-64k", ahci, "AHCI, sequential write of 64 KiB", "ms", milli, 2, has::ahci},
    Metric{"ahci.flush-4k", ahci, "AHCI, write of 4 KiB and flush", "ms", milli, 2, has::ahci},

    Metric{"pv.read-64k", pv, "PV, sequential read of 64 KiB", "ms", milli, 2, has::pv_qcow2},
    Metric{"pv.read-4k", pv, "PV, random read of 4 KiB", "ms", milli, 2, has::pv_qcow2},
    Metric{"pv.queue-4k", pv, "PV, the same with 16 at once", "ms", milli, 2, has::pv_qcow2},
    Metric{"pv.write-64k", pv, "PV, sequential write of 64 KiB", "ms", milli, 2, has::pv_qcow2},
    Metric{"pv.flush-4k", pv, "PV, write of 4 KiB and flush", "ms", milli, 2, has::pv_qcow2},
    Metric{"load.pv-dom0", pv, "CPU time of dom0 for reading a GB", "s", giga, 0, has::pv_qcow2,
           true},
    Metric{"load.pv-stub", pv, "CPU time of the stub domain for it", "s", giga, 0,
           stub | has::pv_qcow2, true},
    Metric{"load.pv-guest", pv, "CPU time of the guest for it", "s", giga, 0, has::pv_qcow2, true},

    Metric{"net.send", network, "TCP to dom0, 64 KiB", "ms", milli, 1, has::tcp},
    Metric{"net.receive", network, "TCP from dom0, 64 KiB", "ms", milli, 1, has::tcp},
    Metric{"net.packet", network, "small UDP packet sent", "ms", milli, 2},
    Metric{"net.ping", network, "ping from dom0, there and back", "ms", milli, 2},
    Metric{"load.net-dom0", network, "CPU time of dom0 for receiving a GB", "s", giga, 0, has::tcp,
           true},
    Metric{"load.net-stub", network, "CPU time of the stub domain for it", "s", giga, 0,
           stub | has::tcp, true},
    Metric{"load.net-guest", network, "CPU time of the guest for it", "s", giga, 0, has::tcp, true},

    Metric{"screen.key", screen, "from a key to its pixels", "ms", milli, 0, has::screen},
    Metric{"screen.idle-dom0", screen, "CPU time of dom0 a second, a viewer of an idle screen",
           "ms", milli, 0, has::screen, true},
    Metric{"screen.idle-stub", screen, "CPU time of the stub domain a second", "ms", milli, 0,
           stub | has::screen, true},
    Metric{"screen.scroll-dom0", screen, "CPU time of dom0 a second, of a console that scrolls",
           "ms", milli, 0, has::screen, true},
    Metric{"screen.scroll-stub", screen, "CPU time of the stub domain a second", "ms", milli, 0,
           stub | has::screen, true},
    Metric{"screen.work", screen,
           "arithmetic in the guest, a million steps, while the whole screen is asked for", "ms",
           1e6, 2, has::screen},

    Metric{"memory.stub", resources, "stub domain, as Xen counts it", "MiB", mebi, 0, stub},
    Metric{"memory.programs", resources, "of it: QEMU's own, and linstub-init's", "MiB", mebi, 1,
           has::linstub},
    Metric{"memory.files", resources, "of it: files of QEMU that are in memory", "MiB", mebi, 1,
           has::linstub},
    Metric{"memory.free", resources, "of it: free", "MiB", mebi, 1, has::linstub},
    Metric{"memory.kernel", resources, "of it: the rest, which is the kernel's", "MiB", mebi, 1,
           has::linstub},
    Metric{"memory.dom0", resources, "device model's processes in dom0, proportional", "MiB", mebi},
    Metric{"memory.xl", resources, "xl, which waits for the guest's end, proportional", "MiB",
           mebi},
    Metric{"memory.host", resources, "what Xen has less to give, the guest's own left out", "MiB",
           mebi, 0, 0, true},
    Metric{"image.size", resources, "image of the stub domain, packed", "MiB", mebi, 1, stub},
    Metric{"count.grants", resources, "grants that are mapped", "", 1, 0, 0, true},
    Metric{"count.channels", resources, "event channels of guest and stub domain", "", 1, 0},
    Metric{"count.nodes", resources, "xenstore nodes", "", 1, 0},
    Metric{"idle.dom0", resources, "CPU time of dom0 a second, the guest idle", "ms", milli, 0, 0,
           true},
    Metric{"idle.stub", resources, "CPU time of the stub domain a second", "ms", milli, 0, stub,
           true},
    Metric{"idle.guest", resources, "CPU time of the guest a second", "ms", milli, 0, 0, true},

    Metric{"state.bytes", state, "device model's state", "KiB", kibi, 1, has::save},
    Metric{"state.part", state, "device model's part of a save", "ms", milli, 0, has::save},
    Metric{"state.save", state, "`xl save -c`", "s", 1, 1, has::save},
    Metric{"state.silence-save", state, "no ping answered during it", "s", 1, 1, has::save},
    Metric{"state.restore", state, "`xl restore`", "s", 1, 1, has::save},
    Metric{"state.silence-replace", state, "no ping answered while the device model is replaced",
           "s", 1, 1, has::save},
    Metric{"state.migrate", state, "`xl migrate` to the same host", "s", 1, 1, has::save},
    Metric{"state.silence-migrate", state, "no ping answered during it", "s", 1, 1, has::save},
};

} // namespace

Groups all_groups() {
  Groups all;
  for (const GroupFacts &one : group_table)
    all.insert(one.group);
  return all;
}

std::string_view group_name(Group group) {
  return std::ranges::find(group_table, group, &GroupFacts::group)->name;
}

std::string_view group_title(Group group) {
  return std::ranges::find(group_table, group, &GroupFacts::group)->title;
}

std::string group_names() {
  std::vector<std::string> names;
  for (const GroupFacts &one : group_table)
    names.emplace_back(one.name);
  return base::join(names, ", ");
}

base::Result<Groups> parse_groups(std::string_view list) {
  Groups all;
  for (;;) {
    const std::string_view name = list.substr(0, list.find(','));
    const auto *found = std::ranges::find(group_table, name, &GroupFacts::name);
    if (found == group_table.end())
      return base::fail("there is no group of metrics \"{}\": {} are known", name, group_names());
    all.insert(found->group);
    if (name.size() == list.size())
      return all;
    list.remove_prefix(name.size() + 1);
  }
}

std::span<const Metric> metrics() { return table; }

const Metric *find_metric(std::string_view id) {
  const auto *found = std::ranges::find(table, id, &Metric::id);
  return found == table.end() ? nullptr : found;
}

} // namespace linstub::bench
