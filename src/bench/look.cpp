// SPDX-License-Identifier: MIT
#include "bench/look.hpp"

#include "lab/inventory.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace linstub::bench {
namespace {

using base::Result;
using std::chrono::seconds;

constexpr auto command_limit = seconds(300);

// Each command costs a good part of a second in the lab: few of them.
constexpr const char *of_host = R"sh(
xl info | awk '/^free_memory/ { print "free " $3 * 1048576 }'
echo nodes $(xenstore-ls -f / | wc -l)
)sh";

// Xen lists grants on its console when it is asked to by a key: those that somebody has mapped, a
// line each, begun by the reference in brackets.
constexpr const char *of_guest = R"sh(
id=$(xl domid $name) || exit 1
stub=$(xl domid $name-dm 2>/dev/null)
xl list | awk -v n=$name '$1 == n { g = $3 } $1 == n "-dm" { s += $3 }
  END { print "guest " g * 1048576; print "stub " s * 1048576 }'
[ -z "$stub" ] || xenstore-read /local/domain/$stub/data/linstub/memory 2>/dev/null | awk '
  { print "free-of-stub " $4 * 1024; print "programs " $5 * 1024; print "files " $6 * 1024 }'
pss() { for p in $1; do cat /proc/$p/smaps_rollup 2>/dev/null; done | awk '/^Pss:/ { n += $2 } END { print n * 1024 }'; }
echo dom0 $(pss "$(ps -eo pid=,comm= | awk -v names="$device_models" '$2 ~ names { print $1 }')")
echo xl $(pss "$(ps -eo pid=,comm= | awk '$2 == "xl" { print $1 }')")
events=$(ls /usr/lib/xen*/bin/lsevtchn /usr/sbin/lsevtchn 2>/dev/null | head -n 1)
echo channels $(for d in $id $stub; do $events $d; done | grep -c VCPU)
xl debug-keys g && sleep 1
echo grants $(xl dmesg | awk -v a=d$id -v b=d${stub:-none} '
  /gnttab_usage_print_all \[/ { n = 0; of = 0 }
  match($0, /grant-table for remote (d[0-9]+|domain:? *[0-9]+)/) {
    d = substr($0, RSTART, RLENGTH); sub(/.*[ d:]/, "d", d); of = d == a || d == b }
  of && /\[0x[0-9a-f]+\]/ { n++ }
  END { print n + 0 }')
[ -z "$image" ] || echo image $(cat $image | wc -c)
)sh";

constexpr const char *of_cpus = R"sh(
xl list | awk -v n=$name '$1 == "Domain-0" { print "dom0 " $NF } $1 == n { print "guest " $NF }
  $1 == n "-dm" { s += $NF } END { print "stub " s + 0 }'
)sh";

// Each stage is a file that is made when it has come; its time says when, so that whoever notices
// starts no program for it.
constexpr const char *watch_start = R"sh(
dir=/run/lab-bench-stages
rm -rf $dir; mkdir -p $dir
cat > /run/lab-bench-watch <<'WATCH'
name=$1 dir=$2
first() { [ -e $dir/$1 ] || : > $dir/$1; }
stub() {
  xenstore-watch /local/domain/$1/data/linstub | while read -r path; do
    case $path in
    */state)
      word=$(xenstore-read $path 2>/dev/null)
      [ -z "$word" ] || first stub-init
      case $word in qemu | running) first stub-qemu ;; esac ;;
    esac
  done
}
xenstore-watch @introduceDomain /local/domain/0/device-model | while read -r path; do
  case $path in
  @introduceDomain)
    [ -e $dir/stub-built ] || for d in $(xenstore-list /local/domain); do
      [ "$(xenstore-read /local/domain/$d/name 2>/dev/null)" != $name-dm ] || { first stub-built; stub $d & }
    done ;;
  */state) [ -e $dir/model ] || [ "$(xenstore-read $path 2>/dev/null)" != running ] || first model ;;
  esac
done
WATCH
setsid sh /run/lab-bench-watch $name $dir >/dev/null 2>&1 </dev/null &
echo $! > /run/lab-bench-watch.pid
sleep 0.3
)sh";

constexpr const char *end_watch = R"sh(
[ ! -e /run/lab-bench-watch.pid ] || kill -- -$(cat /run/lab-bench-watch.pid) 2>/dev/null
rm -f /run/lab-bench-watch.pid /run/lab-bench-watch
)sh";

std::string with_name(std::string_view guest, const char *script) {
  return base::format("name={}\n{}", lab::quote(guest), script);
}

} // namespace

Result<Look> parse_look(std::string_view lines) {
  Look look;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const size_t blank = line.find(' ');
    double value = 0;
    const std::string_view number = blank == std::string_view::npos ? "" : line.substr(blank + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(value))
      return base::fail("\"{}\" is not a name and a number", line);
    look[std::string(line.substr(0, blank))] = value;
  }
  return look;
}

Result<double> get(const Look &look, std::string_view name) {
  const auto found = look.find(name);
  if (found == look.end())
    return base::fail("the host does not say \"{}\"", name);
  return found->second;
}

double Share::part() const {
  const auto now = host_.cpu_time();
  const std::chrono::duration<double> passed = base::Clock::now() - since_;
  if (!had_ || !now || passed.count() <= 0)
    return 1;
  // A share of nothing would make a sample of nothing.
  constexpr double least = 0.001;
  return std::clamp((*now - *had_) / passed.count(), least, 1.0);
}

Result<Look> look_at_counts(const lab::Host &host) {
  const auto said = TRY(host.counts());
  return said ? parse_look(*said) : Result<Look>();
}

Look counted_since(const Look &before, const Look &now, double times) {
  Look counts;
  for (const auto &[name, value] : now) {
    const auto had = before.find(name);
    counts[name] = std::max(0.0, value - (had == before.end() ? 0 : had->second)) / times;
  }
  return counts;
}

Result<Look> look_at_host(const lab::Host &host) {
  return host.check(of_host, command_limit).and_then(parse_look);
}

Result<Look> look_at_guest(const lab::Host &host, std::string_view guest, std::string_view image) {
  return host
      .check(base::format("{}image={}\n{}{}", lab::name_device_models, lab::quote(image),
                          with_name(guest, of_guest), of_host),
             command_limit)
      .and_then(parse_look);
}

Result<Look> look_at_cpus(const lab::Host &host, std::string_view guest) {
  return host.check(with_name(guest, of_cpus), command_limit).and_then(parse_look);
}

Result<Look> look_at_idle_cpus(const lab::Host &host, std::string_view guest, int time) {
  const std::string both = TRY(host.check(
      base::format("{}sleep {}\necho then 0{}", with_name(guest, of_cpus), time, of_cpus),
      command_limit + seconds(time)));
  const size_t middle = both.find("then 0\n");
  if (middle == std::string::npos)
    return base::fail("\"{}\" is not two lists of CPU times", both);
  const Look before = TRY(parse_look(std::string_view(both).substr(0, middle)));
  Look after = TRY(parse_look(std::string_view(both).substr(middle)));
  after.erase("then");
  for (auto &[name, value] : after)
    value = std::max(0.0, value - TRY(get(before, name))) / time;
  return after;
}

Result<double> time_on(const lab::Host &host, const std::string &command,
                       base::Milliseconds limit) {
  const std::string said =
      TRY(host.check(base::format("a=$(date +%s.%N); {{ {}; }} >/run/lab-bench-said 2>&1 || {{ cat "
                                  "/run/lab-bench-said >&2; exit 1; }}; b=$(date +%s.%N); rm -f "
                                  "/run/lab-bench-said; echo begin $a; echo end $b",
                                  command),
                     limit));
  const Look look = TRY(parse_look(said));
  return TRY(get(look, "end")) - TRY(get(look, "begin"));
}

Result<StartWatch> StartWatch::begin(const lab::Host &host, std::string_view guest) {
  TRY(host.check(with_name(guest, watch_start), command_limit));
  return StartWatch(host);
}

StartWatch::~StartWatch() {
  if (host_ != nullptr)
    static_cast<void>(host_->run(end_watch, command_limit).value_or(base::Output{}));
}

Result<Look> StartWatch::read(const std::string &begin_mark, const std::string &end_mark,
                              const std::string &serial_log) {
  const lab::Host &host = *std::exchange(host_, nullptr);
  const std::string said = TRY(host.check(
      base::format("{}stat -c '%n %.Y' {} {} {} /run/lab-bench-stages/*; rm -rf "
                   "/run/lab-bench-stages",
                   end_watch, lab::quote(begin_mark), lab::quote(end_mark), lab::quote(serial_log)),
      command_limit));
  return parse_stages(said, begin_mark, end_mark, serial_log);
}

Result<Look> parse_stages(std::string_view lines, std::string_view begin_mark,
                          std::string_view end_mark, std::string_view serial_log) {
  const Look times = TRY(parse_look(lines));
  const double begin = TRY(get(times, begin_mark));
  Look stages;
  for (const auto &[path, time] : times) {
    if (path == begin_mark)
      continue;
    if (time < begin)
      return base::fail("{} is older than the begin of the start", path);
    const std::string stage = path == end_mark     ? "created"
                              : path == serial_log ? "userland"
                                                   : path.substr(path.rfind('/') + 1);
    stages["start." + stage] = time - begin;
  }
  return stages;
}

} // namespace linstub::bench
