// SPDX-License-Identifier: MIT
#include "bench/measure.hpp"

#include "base/log.hpp"
#include "lab/inventory.hpp"

#include <array>
#include <cstdlib>

namespace linstub::bench {
namespace {

using base::Result;
using std::chrono::seconds;

constexpr const char *guest_name = "t-bench";
constexpr const char *disk = "/lab/bench.img";
constexpr int disk_size = 64; // MiB

constexpr auto create_limit = seconds(200);
constexpr auto boot_limit = seconds(400);
constexpr auto work_limit = seconds(240);
constexpr auto command_limit = seconds(90);

double seconds_since(base::Clock::time_point begin) {
  return std::chrono::duration<double>(base::Clock::now() - begin).count();
}

// What the guest is asked, of its program `measure`.
struct Work {
  std::string_view metric;
  std::string_view what;
  std::string_view where; // behind the count
  unsigned quick, full;   // how often
};
constexpr std::array works{
    Work{"exit.port", "port", "", 200, 1000},
    Work{"cpu.work", "cpu", "", 2000, 20000},
    Work{"disk.read-64k", "read", " /dev/sda 65536", 16, 128},
    Work{"disk.read-4k", "random", " /dev/sda 4096", 40, 400},
    Work{"disk.write-64k", "write", " /dev/sda 65536", 8, 64},
    Work{"disk.flush-4k", "flush", " /dev/sda 4096", 8, 40},
};

// Bytes: Xen's count of the stub domain, 0 if there is none, and the proportional set size of the
// processes that are there because of the guest. Those of the toolstack, which all guests share,
// are not; libxl's own mode has a QEMU and a proxy in dom0 for the stub domain.
constexpr const char *look_at_memory = R"(
xl list | awk '$1 == "t-bench-dm" { n += $3 } END { print n * 1048576 }'
for p in $(ps -eo pid=,comm= | awk -v names="$device_models" '$2 ~ names { print $1 }'); do
  cat /proc/$p/smaps_rollup 2>/dev/null
done | awk '/^Pss:/ { n += $2 } END { print n * 1024 }'
)";

class Session {
public:
  Session(const lab::Host &host, const Contender &contender) : host_(host), contender_(contender) {}
  ~Session() {
    if (begun_)
      base::log_failure(
          host_.check(base::format("xl destroy {} 2>/dev/null || true; rm -f {}", guest_name, disk),
                      command_limit));
  }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  Result<Values> run(Thoroughness thoroughness) {
    TRY(start());
    for (const Work &work : works)
      TRY(ask(work, thoroughness));
    TRY(look());
    const auto begin = base::Clock::now();
    TRY(host_.check(base::format("xl destroy {}", guest_name), command_limit));
    add("start.destroyed", seconds_since(begin));
    return std::move(values_);
  }

private:
  void add(std::string_view metric, double value) { values_.emplace_back(metric, value); }

  Result<> start() {
    TRY(host_.check(base::format("rm -f {} && truncate -s {}M {}", disk, disk_size, disk),
                    command_limit));
    begun_ = true;
    const auto begin = base::Clock::now();
    guest_ = TRY(lab::GuestRun::create(host_,
                                       {.name = guest_name,
                                        .device_model = contender_.device_model,
                                        .disk = disk,
                                        .direct_boot = true},
                                       create_limit));
    add("start.created", seconds_since(begin));
    TRY(guest_->wait_for("+ ready", boot_limit));
    add("start.userland", seconds_since(begin));
    return {};
  }

  Result<> ask(const Work &work, Thoroughness thoroughness) {
    const unsigned count = thoroughness == Thoroughness::quick ? work.quick : work.full;
    const std::string answer =
        TRY(guest_->ask(base::format("measure {} {}{}", work.what, count, work.where), work_limit));
    constexpr std::string_view before = "+ measure ";
    const double each =
        std::strtod(answer.c_str() + std::min(answer.size(), before.size()), nullptr);
    if (each <= 0)
      return base::fail("the guest answers \"{}\" where it should say a time", answer);
    add(work.metric, each / 1e9);
    return {};
  }

  Result<> look() {
    const std::string said =
        TRY(host_.check(std::string(lab::name_device_models) + look_at_memory, command_limit));
    char *rest = nullptr;
    const double stub = std::strtod(said.c_str(), &rest);
    add("memory.stub", stub);
    add("memory.dom0", std::strtod(rest, nullptr));
    return {};
  }

  const lab::Host &host_;
  Contender contender_;
  std::optional<lab::GuestRun> guest_;
  Values values_;
  bool begun_ = false;
};

constexpr const char *look_at_host = R"sh(
xl info | sed -n 's/^xen_version *: */Xen: /p; s/^nr_cpus *: */CPUs: /p; s/^total_memory *: */memory in MiB: /p'
echo "Linux in dom0: $(uname -r)"
echo "QEMU in dom0: $(dpkg-query -W -f '${Version}' qemu-system-xen 2>/dev/null)"
echo "Linstub: $(linstub --version)"
sed -n 's/^model name[^:]*: */CPU: /p' /proc/cpuinfo | head -n 1
)sh";

} // namespace

Result<Values> measure(const lab::Host &host, const Contender &contender,
                       Thoroughness thoroughness) {
  return Session(host, contender)
      .run(thoroughness)
      .transform_error(base::doing("measure {}", contender.what));
}

Result<Circumstances> describe(const lab::Host &host) {
  std::string text = TRY(host.check(look_at_host, command_limit));
  Circumstances all;
  while (!text.empty()) {
    const std::string line = text.substr(0, text.find('\n'));
    text.erase(0, line.size() + 1);
    if (const size_t colon = line.find(": "); colon != std::string::npos)
      all.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return all;
}

} // namespace linstub::bench
