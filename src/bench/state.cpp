// SPDX-License-Identifier: MIT
#include "bench/state.hpp"

#include "base/log.hpp"
#include "bench/work.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <optional>

namespace linstub::bench {
namespace {

using base::Result;
using std::chrono::seconds;

constexpr auto command_limit = seconds(300);
constexpr auto save_limit = seconds(200);
constexpr auto restore_limit = seconds(300);

constexpr const char *monitor_client = R"py(
import json, os, socket, sys, time
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(limit)
connection.connect("/run/xen/qmp-libxl-" + sys.argv[1])
answers = connection.makefile()
def ask(name, descriptors=(), **arguments):
    text = (json.dumps({"execute": name, "arguments": arguments}) + "\n").encode()
    socket.send_fds(connection, [text], list(descriptors))
    while True:
        answer = json.loads(answers.readline())
        if "error" in answer:
            sys.exit(name + ": " + answer["error"]["desc"])
        if "return" in answer:
            return answer["return"]
answers.readline()
ask("qmp_capabilities")
)py";

// The device model's part of a save alone, as libxl asks for it, with the guest paused so that its
// own work does not count. libxl announces a save by the dirty log, seconds before it asks for the
// state.
constexpr const char *save_part = R"py(
path = "/var/tmp/lab-bench.state"
target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
ask("xen-set-global-dirty-log", enable=True)
time.sleep(5)
begin = time.monotonic()
number = ask("add-fd", [target])["fdset-id"]
ask("stop")
ask("xen-save-devices-state", filename="/dev/fdset/%d" % number, live=False)
print("part %f" % (time.monotonic() - begin))
print("bytes %d" % os.fstat(target).st_size)
ask("cont")
ask("xen-set-global-dirty-log", enable=False)
ask("remove-fd", **{"fdset-id": number})
os.unlink(path)
time.sleep(3)
)py";

constexpr const char *saved = "/var/tmp/lab-bench.save";
constexpr const char *pings = "/run/lab-bench-ping";

// Pings the guest while that is done, and for as long as it takes until it answers again.
class Pings {
public:
  static Result<Pings> begin(const lab::Host &host) {
    TRY(host.check(base::format("(setsid ping -D -i 0.1 {} >{} 2>&1 </dev/null & echo $! >{}.pid); "
                                "sleep 2",
                                guest_address, pings, pings),
                   command_limit));
    return Pings(host);
  }
  ~Pings() {
    if (host_ != nullptr)
      base::log_failure(end().transform_error(base::doing("end the pings of {}", guest_address)));
  }
  Pings(Pings &&other) noexcept : host_(std::exchange(other.host_, nullptr)) {}
  Pings &operator=(Pings &&) = delete;

  Result<double> silence() {
    TRY(host_->check(base::format("for i in 1 2 3 4 5 6; do ping -q -c 3 -i 0.2 -W 10 {} "
                                  ">/dev/null && break; done",
                                  guest_address),
                     command_limit + command_limit));
    return end().and_then(longest_silence);
  }

private:
  explicit Pings(const lab::Host &host) : host_(&host) {}
  Result<std::string> end() {
    return std::exchange(host_, nullptr)
        ->check(std::format("kill -INT $(cat {0}.pid) 2>/dev/null; sleep 0.5; cat {0}; rm -f {0} "
                            "{0}.pid",
                            pings),
                command_limit);
  }

  const lab::Host *host_; // null: ended
};

class Measurement {
public:
  Measurement(const lab::Host &host, const Contender &contender, const std::string &guest)
      : host_(host), contender_(contender), guest_(guest) {}
  ~Measurement() {
    base::log_failure(
        host_.check(base::format("rm -f {} /var/tmp/lab-bench.state", saved), command_limit));
  }
  Measurement(const Measurement &) = delete;
  Measurement &operator=(const Measurement &) = delete;

  Result<Values> run() {
    TRY(save_its_part());
    TRY(add_silence("state.silence-save", [&] { return timed(save("-c"), "state.save"); }));
    // Under QEMU in dom0 its QEMU can be replaced by a save and a restore only.
    if ((contender_.has & has::linstub) == 0) {
      TRY(add_silence("state.silence-replace", [&] { return save_and_restore(); }));
    } else {
      TRY(add_silence("state.silence-replace", [&] {
        return timed(base::format("linstub upgrade {}", lab::quote(guest_)), "");
      }));
      TRY(save_and_restore());
    }
    TRY(add_silence("state.silence-migrate", [&] { return migrate(); }));
    return std::move(values_);
  }

private:
  Result<> save_its_part() {
    const std::string id = lab::quote(guest_);
    const Look look = TRY(host_
                              .check(std::format("xl pause {0} && python3 - $(xl domid {0}); "
                                                 "status=$?; xl unpause {0}; exit $status",
                                                 id),
                                     save_limit, monitor_script(60, save_part))
                              .and_then(parse_look));
    values_.push_back({.metric = "state.part", .value = TRY(get(look, "part"))});
    values_.push_back({.metric = "state.bytes", .value = TRY(get(look, "bytes"))});
    return {};
  }

  template <class Work>
  Result<> add_silence(std::string_view metric, const Work &work) {
    auto watched = TRY(Pings::begin(host_));
    const Share since(host_);
    TRY(work());
    const double share = since.part();
    values_.push_back({.metric = metric, .value = TRY(watched.silence()), .share = share});
    return {};
  }

  [[nodiscard]] std::string save(std::string_view options) const {
    return std::format("rm -f {1}; xl save {2} {0} {1}", lab::quote(guest_), saved, options);
  }

  // Without a metric the time is not kept.
  Result<> timed(const std::string &command, std::string_view metric) {
    const Share since(host_);
    const double time = TRY(time_on(host_, command, restore_limit));
    if (!metric.empty())
      values_.push_back({.metric = metric, .value = time, .share = since.part()});
    return {};
  }

  Result<> save_and_restore() {
    TRY(timed(save(""), ""));
    return timed(base::format("xl restore {}", saved), "state.restore");
  }

  // To itself: xl can do without ssh, when it is told the other end's command in place of a host.
  Result<> migrate() {
    return timed(std::format("xl migrate -s '' {} 'xl migrate-receive'", lab::quote(guest_)),
                 "state.migrate");
  }

  const lab::Host &host_;
  const Contender &contender_;
  const std::string &guest_;
  Values values_;
};

} // namespace

std::string monitor_script(unsigned limit, std::string_view body) {
  return base::format("limit = {}{}{}", std::to_string(limit), monitor_client, body);
}

Result<Values> measure_state(const lab::Host &host, const Contender &contender,
                             const std::string &guest) {
  return Measurement(host, contender, guest).run();
}

Result<double> longest_silence(std::string_view text) {
  // "[1700000000.123456] 64 bytes from ..."
  std::optional<double> last;
  std::optional<double> most;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    double time = 0;
    if (!line.starts_with('[') || !line.contains(" bytes from ") ||
        std::from_chars(line.data() + 1, line.data() + line.size(), time).ec != std::errc())
      continue;
    if (last)
      most = std::max(most.value_or(0), time - *last);
    last = time;
  }
  if (!most)
    return base::fail("the guest has answered less than two pings");
  return *most;
}

Result<double> average_ping(std::string_view said) {
  constexpr std::string_view before = "rtt min/avg/max/mdev = ";
  const size_t at = said.find(before);
  if (at != std::string_view::npos) {
    said.remove_prefix(at + before.size());
    said.remove_prefix(std::min(said.find('/'), said.size() - 1) + 1);
    double milliseconds = 0;
    if (std::from_chars(said.data(), said.data() + said.size(), milliseconds).ec == std::errc() &&
        milliseconds > 0)
      return milliseconds / 1e3;
  }
  return base::fail("ping has had no answer: {}", said);
}

} // namespace linstub::bench
