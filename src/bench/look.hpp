// SPDX-License-Identifier: MIT
// Looks: what dom0 and Xen tell of a guest, by shell scripts that run in dom0, and the reading of
// what they print: lines of a name and a number.
#pragma once

#include "base/result.hpp"
#include "lab/host.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linstub::bench {

using Look = std::map<std::string, double, std::less<>>;

struct Value {
  std::string_view metric;
  double value = 0;
  double share = 1; // sample.hpp
  Look counts;      // the same
};
using Values = std::vector<Value>;

// Which part of the time since then the host has had a CPU: less than 1 for a lab on a machine that
// is busy with other things, 1 for a real host. It says so of something that keeps the host's CPU
// busy all the time, and nothing of what waits.
class Share {
public:
  explicit Share(const lab::Host &host) : host_(host), had_(host.cpu_time()) {}
  [[nodiscard]] double part() const;

private:
  const lab::Host &host_;
  std::optional<double> had_;
  base::Clock::time_point since_ = base::Clock::now();
};

// The error names the line that is none.
base::Result<Look> parse_look(std::string_view lines);

// What is in a look, or an error that says what is missing.
base::Result<double> get(const Look &look, std::string_view name);

// What the lab's CPUs have executed, by the names that the counter gives it (lab/counter.cpp):
// "xen", "kernels" and "programs", instructions; "system-calls", "hypercalls", "world-switches".
// Empty for a host that does not count.
base::Result<Look> look_at_counts(const lab::Host &host);

// What has come to the counts since, as a part of it: divided by `times`.
Look counted_since(const Look &before, const Look &now, double times = 1);

// What there is before a guest: "free" (Xen's, in bytes), "nodes" (of xenstore).
base::Result<Look> look_at_host(const lab::Host &host);

// The same and, of a guest with that name: "guest" and "stub", the memory that Xen counts for it
// and for its stub domain; "dom0" and "xl", proportional set sizes of the device model's processes
// and of xl's; "grants" and "channels" of both domains; "image", the size of files in dom0 that the
// stub domain is made from, which are given as a shell pattern; "free-of-stub", "programs" and
// "files", what a stub domain of Linstub says of its memory.
base::Result<Look> look_at_guest(const lab::Host &host, std::string_view guest,
                                 std::string_view image);

// CPU time since each domain's start, in s: "dom0", "guest", "stub" (0 if there is none).
base::Result<Look> look_at_cpus(const lab::Host &host, std::string_view guest);

// How much of it a second, while dom0 does nothing for that long.
base::Result<Look> look_at_idle_cpus(const lab::Host &host, std::string_view guest, int seconds);

// How long a command takes there, by the host's clock, in s.
base::Result<double> time_on(const lab::Host &host, const std::string &command,
                             base::Milliseconds limit);

// The stages of a start, in s since `xl create` began, by the name of their metric.
class StartWatch {
public:
  // From now on. Ends with the object, or with read().
  static base::Result<StartWatch> begin(const lab::Host &host, std::string_view guest);
  ~StartWatch();
  StartWatch(StartWatch &&other) noexcept : host_(std::exchange(other.host_, nullptr)) {}
  StartWatch &operator=(StartWatch &&) = delete;

  // Once the guest is in its userland, and has been for so many seconds, as it says itself.
  base::Result<Look> read(const std::string &begin_mark, const std::string &end_mark,
                          const std::string &serial_log);

private:
  explicit StartWatch(const lab::Host &host) : host_(&host) {}

  const lab::Host *host_; // null: ended
};

// Reads what `stat -c '%n %.Y'` says of those files, into stages.
base::Result<Look> parse_stages(std::string_view lines, std::string_view begin_mark,
                                std::string_view end_mark, std::string_view serial_log);

} // namespace linstub::bench
