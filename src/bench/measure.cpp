// SPDX-License-Identifier: MIT
#include "bench/measure.hpp"

#include "base/log.hpp"
#include "bench/screen.hpp"
#include "bench/state.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace linstub::bench {
namespace {

using base::Result;
using std::chrono::seconds;

constexpr const char *guest_name = "t-bench";
constexpr const char *disk = "/lab/bench.img";
constexpr int disk_size = 64; // MiB
constexpr const char *pv_disk = "/lab/bench.qcow2";
constexpr const char *cd = "/lab/tiny.iso";
constexpr unsigned guest_memory = 128;

// For a host in an emulator that has a part of a core.
constexpr auto create_limit = seconds(400);
constexpr auto boot_limit = seconds(1200);
constexpr auto work_limit = seconds(400);
constexpr auto command_limit = seconds(300);

constexpr int quick_idle = 3; // s
constexpr int full_idle = 15;

// dom0's address on the guests' bridge, for as long as it is needed, unless it is there anyway.
constexpr const char *add_address =
    "ip -4 addr show dev {0} | grep -q {1}/ || {{ ip addr add {1}/24 dev {0} && : > "
    "/run/lab-bench-address; }}";
constexpr const char *remove_address =
    "[ ! -e /run/lab-bench-address ] || ip addr del {1}/24 dev {0}; rm -f /run/lab-bench-address; "
    "fuser -sk 7010/tcp || true";

// The files that a stub domain is made from, in dom0.
std::string_view image_of(const Contender &contender) {
  if (contender.device_model == lab::DeviceModel::minios)
    return "/lab/minios/ioemu-stubdom.gz";
  if ((contender.has & has::stub_domain) != 0)
    return contender.device_model == lab::DeviceModel::libxl_stub
               ? "/usr/lib/linstub/image/kernel /usr/lib/linstub/image/ramdisk"
               : "/usr/lib/linstub/image/kernel /usr/lib/linstub/image/init "
                 "/usr/lib/linstub/image/system";
  return "";
}

class Session {
public:
  Session(const lab::Host &host, const Contender &contender, const Measure &wanted)
      : host_(host), contender_(contender), wanted_(wanted) {}
  ~Session() {
    if (has_spares_)
      base::log_failure(keep_spares(0));
    if (begun_)
      base::log_failure(
          host_.check(base::format("xl destroy {} 2>/dev/null || true; {}; rm -f {} {} "
                                   "/run/lab-{}.*; {}",
                                   guest_name, detach_loops(), disk, pv_disk, guest_name,
                                   address(remove_address)),
                      command_limit));
  }
  Session(const Session &) = delete;
  Session &operator=(const Session &) = delete;

  // With IDE, and everything that is not about disks.
  Result<> run() {
    const Look before = TRY(look_at_host(host_));
    TRY(begin());
    TRY(keep_spares(spares_of(contender_)));
    auto watch = TRY(StartWatch::begin(host_, guest_name));
    const Share share(host_);
    const Look counts = TRY(look_at_counts(host_));
    TRY(create({}));
    TRY(tell_start(watch, share, counts));
    TRY(work(Group::exit));
    TRY(work(Group::disk));
    if (needs_network())
      TRY(join_network());
    TRY(work(Group::network));
    if (wants(Group::screen) && (contender_.has & has::screen) != 0)
      std::ranges::move(TRY(measure_screen(host_, contender_, *guest_, wanted_.thoroughness)),
                        std::back_inserter(values_));
    if (wants(Group::resources))
      TRY(look(before));
    if (wants(Group::state) && (contender_.has & has::save) != 0)
      std::ranges::move(TRY(measure_state(host_, contender_, guest_name)),
                        std::back_inserter(values_));
    const Share since(host_);
    const double time =
        TRY(time_on(host_, base::format("xl destroy {}", guest_name), command_limit));
    add("start.destroyed", time, since.part());
    return keep_spares(0);
  }

  // With AHCI in place of IDE, and without a NIC, which would only take time.
  Result<> run_ahci() {
    TRY(begin());
    TRY(create({"hdtype = \"ahci\"", "vif = []"}));
    TRY(guest_->wait_for("+ ready", boot_limit));
    TRY(work(Group::ahci));
    TRY(host_.check(base::format("xl destroy {}", guest_name), command_limit));
    return {};
  }

  // A guest with Debian's kernel and its PV drivers, on a qcow2 image that is in no other way
  // there.
  Result<> run_pv() {
    TRY(begin());
    // A loop device has the size that its file had: the image has to be able to grow in it.
    TRY(host_.check(base::format("cp --sparse=always {} {} && truncate -s {}M {}", pv_image,
                                 pv_disk, 2 * pv_size, pv_disk),
                    command_limit));
    std::vector<std::string> lines = lab::pv_guest_lines();
    lines.push_back(base::format("disk = [ \"format=qcow2,vdev=hda,access=rw,target={}\" ]",
                                 TRY(target_of(pv_disk))));
    TRY(create(std::move(lines)));
    TRY(guest_->wait_for("+ ready", boot_limit));
    // So that what is read is there, and what is written has its place.
    TRY(guest_->ask(base::format("put xvda {} bench", pv_size), work_limit));
    TRY(work(Group::pv));
    TRY(host_.check(base::format("xl destroy {}", guest_name), command_limit));
    return {};
  }

  Values values() { return std::move(values_); }

private:
  [[nodiscard]] bool wants(Group group) const { return wanted_.groups.contains(group); }
  [[nodiscard]] bool needs_network() const {
    return wants(Group::network) || (wants(Group::state) && (contender_.has & has::save) != 0);
  }
  void add(std::string_view metric, double value, double share = 1) {
    values_.push_back({.metric = metric, .value = value, .share = share});
  }
  [[nodiscard]] std::string address(const char *command) const {
    return std::vformat(command, std::make_format_args(wanted_.bridge, dom0_address));
  }

  Result<> begin() {
    begun_ = true;
    return host_
        .check(base::format("rm -f {} && truncate -s {}M {}", disk, disk_size, disk), command_limit)
        .transform([](const std::string &) {});
  }

  // Those that a start will find. The program that makes new ones a minute after it is ended.
  Result<> keep_spares(unsigned count) {
    if (spares_of(contender_) == 0)
      return {};
    has_spares_ = count > 0;
    return host_
        .check(base::format("pkill -f [s]pares-later; linstub spares {}", count), command_limit)
        .transform([](const std::string &) {});
  }

  // The image's QEMU opens devices and no files: in its own domain it has nothing else.
  Result<std::string> target_of(const std::string &file) {
    if (contender_.name != image_qemu)
      return file;
    const std::string device =
        TRY(host_.check(base::format("losetup --find --show {}", file), command_limit));
    return loops_.emplace_back(base::without_end_of_line(device));
  }
  [[nodiscard]] std::string detach_loops() const {
    return loops_.empty() ? "true" : "losetup --detach " + base::join(loops_, " ");
  }

  Result<> create(std::vector<std::string> extra) {
    lab::GuestConfig config{.name = guest_name,
                            .device_model = contender_.device_model,
                            .disk = TRY(target_of(disk)),
                            .direct_boot = wanted_.boot == Boot::direct,
                            .memory = guest_memory,
                            .bridge = wanted_.bridge,
                            .extra = std::move(extra)};
    std::ranges::copy(lines_for(contender_), std::back_inserter(config.extra));
    if (!config.direct_boot)
      config.cdrom = TRY(target_of(cd));
    else if (!needs_network())
      config.options = lab::without_nic;
    if (!wanted_.guest_cpu.empty())
      config.extra.push_back(base::format("cpus = \"{}\"", wanted_.guest_cpu));
    guest_ = TRY(lab::GuestRun::create(host_, config, create_limit));
    if (!wanted_.stub_cpu.empty() && (contender_.has & has::stub_domain) != 0)
      TRY(host_.check(base::format("xl vcpu-pin {}-dm all {}", guest_name, wanted_.stub_cpu),
                      command_limit));
    return {};
  }

  // Its first words tell how long its kernel has run: "+ hello VERSION up SECONDS".
  // To be called as soon as `xl create` has returned; `counts` are those before it.
  Result<> tell_start(StartWatch &watch, const Share &since_create, const Look &counts) {
    const Look until_created = counted_since(counts, TRY(look_at_counts(host_)));
    const std::string hello = TRY(guest_->wait_for("+ hello", boot_limit));
    const Look until_userland = counted_since(counts, TRY(look_at_counts(host_)));
    TRY(guest_->wait_for("+ ready", boot_limit));
    const double share = since_create.part();
    const Look stages =
        TRY(watch.read(guest_->begin_mark(), guest_->end_mark(), guest_->serial_log()));
    double up = 0;
    const std::string_view last = std::string_view(hello).substr(hello.rfind(' ') + 1);
    if (std::from_chars(last.data(), last.data() + last.size(), up).ec != std::errc())
      return base::fail("the guest says \"{}\", and not how long it has been up", hello);
    add("start.kernel", TRY(get(stages, "start.userland")) - up, share);
    for (const Metric &metric : metrics()) {
      const bool here = metric.group == Group::start && metric.id != "start.kernel" &&
                        metric.id != "start.destroyed";
      if (!here || (metric.needs & ~contender_.has) != 0)
        continue;
      add(metric.id, TRY(get(stages, metric.id)), share);
      if (metric.id == "start.created")
        values_.back().counts = until_created;
      if (metric.id == "start.userland")
        values_.back().counts = until_userland;
    }
    return {};
  }

  Result<> work(Group group) {
    if (!wants(group))
      return {};
    for (const Work &one : works()) {
      if (expects(contender_, *find_metric(one.metric), {group}))
        TRY(ask(one).transform_error(base::doing("{}", one.metric)));
    }
    if (group == Group::network)
      TRY(ping());
    return {};
  }

  Result<> ask(const Work &one) {
    const unsigned count = times_of(one, wanted_.thoroughness);
    // What the asking itself takes, of a guest's console and its program, is in the counts of one.
    // Who else is at work adds to them: of two the lesser.
    Look of_one;
    if (host_.is_counted()) {
      of_one = TRY(ask(one, 1)).counts;
      for (const auto &[name, value] : TRY(ask(one, 1)).counts)
        of_one[name] = std::min(of_one[name], value);
    }
    Look before;
    if (!one.load.empty())
      before = TRY(look_at_cpus(host_, guest_name));
    Value value = TRY(ask(one, count));
    if (!one.load.empty())
      TRY(add_load(one, before, one.bytes * count, value.share));
    value.counts = counted_since(of_one, value.counts, (count - 1) / one.times);
    values_.push_back(std::move(value));
    return {};
  }

  // Once, so often; the counts are of all of it.
  Result<Value> ask(const Work &one, unsigned count) {
    if (!one.dom0.empty())
      TRY(host_.check(base::format("count={}; (setsid timeout {} {} >/dev/null 2>&1 </dev/null &); "
                                   "sleep 0.5",
                                   count, work_limit.count(), one.dom0),
                      command_limit));
    const Look before = TRY(look_at_counts(host_));
    const Share since(host_);
    const std::string answer = TRY(guest_->ask(command_of(one, count), work_limit));
    const double share = since.part();
    return Value{.metric = one.metric,
                 .value = TRY(parse_answer(answer)) * one.times,
                 .share = share,
                 .counts = counted_since(before, TRY(look_at_counts(host_)))};
  }

  Result<> add_load(const Work &one, const Look &before, double bytes, double share) {
    const Look after = TRY(look_at_cpus(host_, guest_name));
    for (const Metric &metric : metrics()) {
      if (!metric.id.starts_with(one.load) || (metric.needs & ~contender_.has) != 0)
        continue;
      const std::string_view domain = metric.id.substr(one.load.size() + 1);
      add(metric.id, std::max(0.0, TRY(get(after, domain)) - TRY(get(before, domain))) / bytes,
          share);
    }
    return {};
  }

  Result<> join_network() {
    TRY(host_.check(address(add_address), command_limit));
    TRY(guest_->ask(base::format("nic e1000 {}", guest_address), work_limit));
    // The first packet has both ends find each other.
    TRY(host_.check(base::format("for i in 1 2 3 4 5; do ping -q -c 1 -W 10 {} >/dev/null && exit "
                                 "0; done; exit 1",
                                 guest_address),
                    command_limit));
    return {};
  }

  Result<> ping() {
    const bool quick = wanted_.thoroughness == Thoroughness::quick;
    const std::string said = TRY(
        host_.check(base::format("ping -q -c {} -i 0.2 -W 10 {}", quick ? 5 : 30, guest_address),
                    command_limit));
    add("net.ping", TRY(average_ping(said)));
    return {};
  }

  Result<> look(const Look &before) {
    const bool quick = wanted_.thoroughness == Thoroughness::quick;
    const Look idle = TRY(look_at_idle_cpus(host_, guest_name, quick ? quick_idle : full_idle));
    const Look now = TRY(look_at_guest(host_, guest_name, image_of(contender_)));
    struct Row {
      std::string_view metric;
      std::string_view name;
      const Look &look;
    };
    const std::array rows{
        Row{"memory.stub", "stub", now},        Row{"memory.programs", "programs", now},
        Row{"memory.files", "files", now},      Row{"memory.free", "free-of-stub", now},
        Row{"memory.dom0", "dom0", now},        Row{"memory.xl", "xl", now},
        Row{"image.size", "image", now},        Row{"count.grants", "grants", now},
        Row{"count.channels", "channels", now}, Row{"idle.dom0", "dom0", idle},
        Row{"idle.stub", "stub", idle},         Row{"idle.guest", "guest", idle},
    };
    for (const Row &row : rows) {
      if ((find_metric(row.metric)->needs & ~contender_.has) == 0)
        add(row.metric, TRY(get(row.look, row.name)));
    }
    if ((contender_.has & has::linstub) != 0)
      add("memory.kernel", TRY(get(now, "stub")) - TRY(get(now, "programs")) -
                               TRY(get(now, "files")) - TRY(get(now, "free-of-stub")));
    add("count.nodes", TRY(get(now, "nodes")) - TRY(get(before, "nodes")));
    add("memory.host",
        std::max(0.0, TRY(get(before, "free")) - TRY(get(now, "free")) - TRY(get(now, "guest"))));
    return {};
  }

  const lab::Host &host_;
  const Contender &contender_;
  const Measure &wanted_;
  std::optional<lab::GuestRun> guest_;
  Values values_;
  std::vector<std::string> loops_; // devices, for as long as the guest may have them
  bool begun_ = false;
  bool has_spares_ = false;
};

constexpr const char *look_at_the_machine = R"sh(
xl info | sed -n 's/^xen_version *: */Xen: /p; s/^nr_cpus *: */CPUs: /p; s/^total_memory *: */memory in MiB: /p; s/^xen_commandline *: */Xen, told: /p'
echo "Linux in dom0: $(uname -r)"
echo "QEMU in dom0: $(dpkg-query -W -f '${Version}' qemu-system-xen 2>/dev/null)"
echo "Linstub: $(linstub --version)"
echo "image: $(linstub image show 2>/dev/null | tr -s ' \n' ' ' | cut -c 1-200)"
sed -n 's/^model name[^:]*: */CPU: /p' /proc/cpuinfo | head -n 1
)sh";

} // namespace

Boot boot_of(const std::vector<Contender> &contenders) {
  return std::ranges::all_of(contenders,
                             [](const Contender &one) { return (one.has & has::direct_boot) != 0; })
             ? Boot::direct
             : Boot::cd;
}

bool expects(const Contender &contender, const Metric &metric, const Groups &groups) {
  return groups.contains(metric.group) && (metric.needs & ~contender.has) == 0;
}

Result<Values> measure(const lab::Host &host, const Contender &contender, const Measure &wanted) {
  Values values;
  auto take = [&](Result<> (Session::*run)()) -> Result<> {
    Session session(host, contender, wanted);
    TRY((session.*run)());
    std::ranges::move(session.values(), std::back_inserter(values));
    return {};
  };
  auto all = [&]() -> Result<> {
    if (std::ranges::any_of(wanted.groups,
                            [](Group group) { return group != Group::ahci && group != Group::pv; }))
      TRY(take(&Session::run));
    if (wanted.groups.contains(Group::ahci) && (contender.has & has::ahci) != 0)
      TRY(take(&Session::run_ahci));
    if (wanted.groups.contains(Group::pv) && (contender.has & has::pv_qcow2) != 0)
      TRY(take(&Session::run_pv));
    return {};
  };
  TRY(all().transform_error(base::doing("measure {}", contender.what)));
  // The start is looked at anyway.
  std::erase_if(values, [&](const Value &one) {
    return !expects(contender, *find_metric(one.metric), wanted.groups);
  });
  return values;
}

Result<Circumstances> describe(const lab::Host &host) {
  std::string text = TRY(host.check(look_at_the_machine, command_limit));
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
