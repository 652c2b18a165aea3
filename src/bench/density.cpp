// SPDX-License-Identifier: MIT
#include "bench/density.hpp"

#include "base/log.hpp"
#include "lab/inventory.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <optional>

namespace linstub::bench {
namespace {

using base::Result;
using std::chrono::seconds;

constexpr auto create_limit = seconds(300);
constexpr auto boot_limit = seconds(500);
constexpr auto command_limit = seconds(300);

constexpr unsigned guest_memory = 48; // MiB: as little as the tiny guest can do with
constexpr int idle_time = 5;          // s

constexpr double mebi = 1.0 / (1 << 20);
constexpr double milli = 1e3;

// Ids of their own: with one guest they are not what a guest of the other metrics has.
constexpr std::array table{
    Metric{"density.host", Group::resources, "Xen's memory, the guests' own left out", "MiB", mebi,
           0, 0, true},
    Metric{"density.stub", Group::resources, "stub domains' memory", "MiB", mebi, 0,
           has::stub_domain},
    Metric{"density.dom0", Group::resources, "device models' processes in dom0", "MiB", mebi},
    Metric{"density.xl", Group::resources, "xl's processes", "MiB", mebi},
    Metric{"density.idle", Group::resources, "CPU time of dom0 a second, all guests idle", "ms",
           milli, 0, 0, true},
    Metric{"density.nodes", Group::resources, "xenstore nodes", "", 1, 0},
    Metric{"density.created", Group::resources, "`xl create` of one more", "s"},
};

constexpr const char *of_all = R"sh(
xl list | awk -v n=t-bench- '
  index($1, n) == 1 && $1 !~ /-dm$/ { g += $3 } index($1, n) == 1 && $1 ~ /-dm$/ { s += $3 }
  END { print "guest " g * 1048576; print "stub " s * 1048576 }'
pss() { for p in $1; do cat /proc/$p/smaps_rollup 2>/dev/null; done | awk '/^Pss:/ { n += $2 } END { print n * 1024 }'; }
echo dom0 $(pss "$(ps -eo pid=,comm= | awk -v names="$device_models" '$2 ~ names { print $1 }')")
echo xl $(pss "$(ps -eo pid=,comm= | awk '$2 == "xl" { print $1 }')")
)sh";

class Session {
public:
  Session(const lab::Host &host, const Contender &contender, const Measure &wanted)
      : host_(host), contender_(contender), wanted_(wanted) {}
  ~Session() {
    for (unsigned i = 1; i <= begun_; i++)
      base::log_failure(host_.check(
          std::format("xl destroy {0} 2>/dev/null || true; rm -f /run/lab-{0}.*", name(i)),
          command_limit));
  }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  Result<std::vector<Crowd>> run(unsigned guests) {
    before_ = TRY(look_at_host(host_));
    std::vector<Crowd> all;
    for (unsigned i = 1; i <= guests; i++) {
      auto crowd = add();
      if (!crowd)
        return std::unexpected(
            std::move(crowd).error().in(base::format("guest {} of {}", i, guests)));
      all.push_back(std::move(*crowd));
    }
    return all;
  }

private:
  static std::string name(unsigned number) { return base::format("t-bench-{}", number); }

  Result<Crowd> add() {
    lab::GuestConfig config{.name = name(++begun_),
                            .device_model = contender_.device_model,
                            .disk = "",
                            .direct_boot = wanted_.boot == Boot::direct,
                            .memory = guest_memory,
                            .bridge = wanted_.bridge,
                            .extra = {"vif = []"}};
    std::ranges::copy(lines_for(contender_), std::back_inserter(config.extra));
    if (!config.direct_boot)
      config.cdrom = "/lab/tiny.iso";
    const Share since(host_);
    auto guest = TRY(lab::GuestRun::create(host_, config, create_limit));
    const double share = since.part();
    TRY(guest.wait_for("+ ready", boot_limit));
    const Look stages = TRY(host_
                                .check(base::format("stat -c '%n %.Y' {} {} {}", guest.begin_mark(),
                                                    guest.end_mark(), guest.serial_log()),
                                       command_limit)
                                .and_then([&](const std::string &said) {
                                  return parse_stages(said, guest.begin_mark(), guest.end_mark(),
                                                      guest.serial_log());
                                }));
    const Look idle = TRY(look_at_idle_cpus(host_, config.name, idle_time));
    const Look now =
        TRY(host_.check(base::format("{}{}", lab::name_device_models, of_all), command_limit)
                .and_then(parse_look));
    const Look of_host = TRY(look_at_host(host_));
    Crowd crowd{.guests = begun_, .values = {}};
    auto keep = [&](std::string_view metric, double value, double part = 1) {
      if ((std::ranges::find(table, metric, &Metric::id)->needs & ~contender_.has) == 0)
        crowd.values.push_back({.metric = metric, .value = value, .share = part});
    };
    keep("density.host", std::max(0.0, TRY(get(before_, "free")) - TRY(get(of_host, "free")) -
                                           TRY(get(now, "guest"))));
    keep("density.stub", TRY(get(now, "stub")));
    keep("density.dom0", TRY(get(now, "dom0")));
    keep("density.xl", TRY(get(now, "xl")));
    keep("density.idle", TRY(get(idle, "dom0")));
    keep("density.nodes", TRY(get(of_host, "nodes")) - TRY(get(before_, "nodes")));
    keep("density.created", TRY(get(stages, "start.created")), share);
    return crowd;
  }

  const lab::Host &host_;
  const Contender &contender_;
  const Measure &wanted_;
  Look before_;
  unsigned begun_ = 0;
};

} // namespace

Result<std::vector<Crowd>> measure_density(const lab::Host &host, const Contender &contender,
                                           const Measure &wanted, unsigned guests) {
  return Session(host, contender, wanted)
      .run(guests)
      .transform_error(base::doing("measure {} with many guests", contender.what));
}

std::span<const Metric> density_metrics() { return table; }

double Line::error_at(double guests) const {
  const double distance = guests - mean;
  return deviation * std::sqrt(1 / static_cast<double>(samples) + distance * distance / spread);
}

Result<Line> fit(std::span<const Point> points) {
  Line line{.samples = points.size()};
  double cost = 0;
  for (const Point &point : points) {
    line.mean += point.guests / static_cast<double>(points.size());
    cost += point.cost / static_cast<double>(points.size());
  }
  double both = 0;
  for (const Point &point : points) {
    const double distance = point.guests - line.mean;
    line.spread += distance * distance;
    both += distance * (point.cost - cost);
  }
  constexpr size_t fewest = 3;
  if (points.size() < fewest || line.spread <= 0)
    return base::fail("a line needs {} samples, of two numbers of guests", fewest);
  line.each = both / line.spread;
  line.base = cost - line.each * line.mean;
  double squares = 0;
  for (const Point &point : points) {
    const double off = point.cost - line.at(point.guests);
    squares += off * off;
  }
  line.deviation = std::sqrt(squares / static_cast<double>(points.size() - 2));
  line.each_error = line.deviation / std::sqrt(line.spread);
  return line;
}

} // namespace linstub::bench
