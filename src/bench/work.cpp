// SPDX-License-Identifier: MIT
#include "bench/work.hpp"

#include <array>
#include <charconv>

namespace linstub::bench {
namespace {

constexpr std::string_view by_64k = " /dev/sda 65536";
constexpr std::string_view by_4k = " /dev/sda 4096";
constexpr std::string_view at_once = " /dev/sda 4096 16";
constexpr std::string_view pv_by_64k = " /dev/xvda 65536";
constexpr std::string_view pv_by_4k = " /dev/xvda 4096";
constexpr std::string_view pv_at_once = " /dev/xvda 4096 16";
constexpr std::string_view tcp = " 10.77.0.1 7010";
constexpr double kibibyte = 1024;

// A connection; then it ends.
constexpr std::string_view swallow = "socat -u TCP-LISTEN:7010,reuseaddr OPEN:/dev/null";
constexpr std::string_view pour =
    "socat -u OPEN:/dev/zero,readbytes=$((count * 1024)) TCP-LISTEN:7010,reuseaddr";

constexpr std::array table{
    Work{.metric = "exit.port", .what = "port", .where = "", .quick = 100, .full = 1000},
    // The register STATUS of the emulated e1000.
    Work{.metric = "exit.mmio",
         .what = "mmio",
         .where = " 0x8086 0x100e 0 8",
         .quick = 100,
         .full = 1000},
    Work{.metric = "exit.pio", .what = "pio", .where = " /dev/sda", .quick = 20, .full = 100},
    Work{.metric = "exit.vga", .what = "vga", .where = "", .quick = 500, .full = 5000},
    Work{.metric = "cpu.work", .what = "cpu", .where = "", .quick = 2000, .full = 20000},
    Work{.metric = "disk.read-64k",
         .what = "read",
         .where = by_64k,
         .quick = 16,
         .full = 96,
         .load = "load.disk",
         .bytes = 65536},
    Work{.metric = "disk.read-4k", .what = "random", .where = by_4k, .quick = 20, .full = 200},
    Work{.metric = "disk.write-64k", .what = "write", .where = by_64k, .quick = 8, .full = 48},
    Work{.metric = "disk.flush-4k", .what = "flush", .where = by_4k, .quick = 6, .full = 30},
    Work{.metric = "ahci.read-64k", .what = "read", .where = by_64k, .quick = 16, .full = 96},
    Work{.metric = "ahci.read-4k", .what = "random", .where = by_4k, .quick = 20, .full = 200},
    Work{.metric = "ahci.queue-4k", .what = "queue", .where = at_once, .quick = 48, .full = 320},
    Work{.metric = "ahci.write-64k", .what = "write", .where = by_64k, .quick = 8, .full = 48},
    Work{.metric = "ahci.flush-4k", .what = "flush", .where = by_4k, .quick = 6, .full = 30},
    Work{.metric = "pv.read-64k",
         .what = "read",
         .where = pv_by_64k,
         .quick = 64,
         .full = 256,
         .load = "load.pv",
         .bytes = 65536},
    Work{.metric = "pv.read-4k", .what = "random", .where = pv_by_4k, .quick = 80, .full = 400},
    Work{.metric = "pv.queue-4k", .what = "queue", .where = pv_at_once, .quick = 160, .full = 800},
    Work{.metric = "pv.write-64k", .what = "write", .where = pv_by_64k, .quick = 64, .full = 256},
    Work{.metric = "pv.flush-4k", .what = "flush", .where = pv_by_4k, .quick = 20, .full = 60},
    Work{.metric = "net.send",
         .what = "send",
         .where = tcp,
         .quick = 32,
         .full = 256,
         .times = 64,
         .dom0 = swallow},
    Work{.metric = "net.receive",
         .what = "receive",
         .where = tcp,
         .quick = 64,
         .full = 1024,
         .times = 64,
         .dom0 = pour,
         .load = "load.net",
         .bytes = kibibyte},
    Work{.metric = "net.packet",
         .what = "packet",
         .where = " 10.77.0.255 9",
         .quick = 40,
         .full = 300},
};

} // namespace

std::span<const Work> works() { return table; }

std::string command_of(const Work &work, unsigned count) {
  return base::format("measure {} {}{}", work.what, count, work.where);
}

base::Result<double> parse_answer(std::string_view answer) {
  constexpr std::string_view before = "+ measure ";
  uint64_t nanoseconds = 0;
  if (answer.starts_with(before)) {
    const std::string_view number = answer.substr(before.size());
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), nanoseconds);
    if (error == std::errc() && end == number.data() + number.size() && nanoseconds > 0)
      return static_cast<double>(nanoseconds) / 1e9;
  }
  return base::fail("the guest answers \"{}\" where it should say a time", answer);
}

} // namespace linstub::bench
