// SPDX-License-Identifier: MIT
#include "lab/lab.hpp"

#include "base/log.hpp"
#include "lab/monitor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

namespace linstub::lab {
namespace fs = std::filesystem;

using base::Deadline;
using base::Milliseconds;
using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr auto boot_limit = minutes(10);
constexpr auto load_limit = minutes(2);
constexpr auto save_limit = minutes(3);
constexpr auto try_limit = seconds(20);
constexpr size_t largest_state = 4096;
constexpr size_t quoted_lines = 6;
constexpr const char *snapshot_lab = "snapshot"; // how the name of one that is made into one ends

// What is in dom0's memory when the snapshot is made is there in every lab that starts from it:
// the first `xl create` need not read it from disk.
constexpr const char *warm_up =
    "xl list >/dev/null; xl info >/dev/null; lsmod >/dev/null; "
    "cat /usr/sbin/xl /usr/lib/xen-4.20/bin/* /usr/lib/x86_64-linux-gnu/libxen*.so* "
    "/usr/lib/x86_64-linux-gnu/libxl*.so* /etc/xen/scripts/* /bin/bash >/dev/null 2>&1; "
    "for p in xenstore-ls losetup brctl ip ps; do $p >/dev/null 2>&1; done; sync";

base::Result<> make_overlay(const fs::path &base, const fs::path &overlay) {
  TRY(base::run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                                  base.string(), overlay.string()}},
                        Deadline::after(seconds(60))));
  return {};
}

base::Result<> make_spare_disks(const Machine &machine) {
  for (const fs::path &path : {machine.nvme_disk(), machine.sata_disk()}) {
    base::Fd file = TRY(base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    if (::ftruncate(file.get(), static_cast<off_t>(spare_disk_size)) != 0)
      return base::fail_errno(errno, "make {}", path.string());
  }
  return {};
}

// Starts the emulator in a session of its own, under a time limit that ends it in any case.
base::Result<base::Child> start_machine(const Machine &machine, minutes life) {
  base::Command command{.argv = {"timeout", "--kill-after=5", base::format("{}m", life.count())}};
  for (std::string &argument : command_line(machine))
    command.argv.push_back(std::move(argument));
  base::Fd output =
      TRY(base::open_file(machine.directory / "emulator.log", O_WRONLY | O_CREAT | O_TRUNC, 0644));
  command.standard_output = output.get();
  command.standard_error = output.get();
  command.before_exec = [] { return ::setsid() < 0 ? errno : 0; };
  return base::start(command);
}

bool alive(pid_t pid, const fs::path &directory) {
  // The pid may be another process's by now: its command line tells.
  auto line = base::read_file(base::format("/proc/{}/cmdline", pid), size_t{64} << 10);
  return line && line->contains(directory.string());
}

base::Result<> save_state(const LabState &state) {
  json text{{"name", state.name},
            {"shape", shape_name(state.shape)},
            {"pid", state.pid},
            {"ssh_port", state.ssh_port},
            {"identity", state.identity.string()}};
  return base::replace_file(state.directory / "lab.json", text.dump(2) + "\n");
}

std::optional<LabState> load_state(const fs::path &directory) {
  auto text = base::read_file(directory / "lab.json", largest_state);
  if (!text)
    return std::nullopt;
  json value = json::parse(*text, nullptr, false);
  if (!value.is_object())
    return std::nullopt;
  LabState state{.name = value.value("name", ""),
                 .pid = value.value("pid", 0),
                 .ssh_port = value.value("ssh_port", uint16_t{0}),
                 .identity = value.value("identity", ""),
                 .directory = directory};
  if (state.pid <= 1 || !parse_shape(value.value("shape", ""), state.shape))
    return std::nullopt;
  return state;
}

// Waits until dom0 answers, with a progress line; says what the consoles say if it does not.
base::Result<> await_host(const LabState &state, base::Child &machine, Deadline deadline) {
  Host host = state.host();
  for (;;) {
    auto answer = host.run(base::format("date -s @{} >/dev/null && xl list >/dev/null",
                                        static_cast<long>(::time(nullptr))),
                           try_limit);
    if (answer && answer->status.success())
      return {};
    bool ended = TRY(machine.poll()).has_value();
    if (ended || deadline.passed())
      return std::unexpected(base::Error(
          base::format("the lab {}: {} The emulator says: {} Xen's console ends with: {}",
                       ended ? "has ended while it started" : "has not come up in time",
                       answer ? answer->err : answer.error().message(),
                       last_lines(state.directory / "emulator.log", quoted_lines),
                       last_lines(state.console(), quoted_lines)),
          unreachable));
    std::this_thread::sleep_for(Milliseconds(300));
  }
}

// Takes a lab down in any case.
class Ending {
public:
  Ending(Labs &labs, std::string name) : labs_(labs), name_(std::move(name)) {}
  ~Ending() { base::log_failure(labs_.down(name_)); }
  Ending(const Ending &) = delete;
  Ending &operator=(const Ending &) = delete;

private:
  Labs &labs_;
  std::string name_;
};

} // namespace

std::string last_lines(const fs::path &file, size_t count) {
  constexpr size_t largest = size_t{64} << 20;
  auto text = base::read_file(file, largest);
  if (!text)
    return text.error().message();
  const std::string_view rest = base::without_end_of_line(*text);
  size_t from = rest.size();
  for (size_t i = 0; i < count && from != std::string_view::npos && from > 0; i++)
    from = rest.rfind('\n', from - 1);
  return std::string(from == std::string_view::npos ? rest : rest.substr(from));
}

Host LabState::host() const {
  return Host({.user = "root",
               .host = "127.0.0.1",
               .port = ssh_port,
               .identity = identity,
               .control_directory = directory,
               .emulator = pid,
               .counter = facts_of(shape).counts ? directory / "counter" : fs::path()});
}

base::Result<Labs> Labs::open(const fs::path &config) {
  std::error_code error;
  if (!fs::is_directory(config / "lab", error))
    return base::fail("{} has no directory lab: run this from the checkout of Linstub, or give "
                      "--config",
                      fs::absolute(config, error).string());
  return Labs(TRY(cache::Cache::open()), fs::absolute(config, error));
}

fs::path Labs::directory_of(const std::string &name) const { return cache_.root() / "lab" / name; }

base::Result<std::optional<LabState>> Labs::find(const std::string &name) const {
  auto state = load_state(directory_of(name));
  if (state && !alive(state->pid, state->directory))
    state.reset();
  return state;
}

base::Result<std::vector<LabState>> Labs::all() const {
  std::vector<LabState> states;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(cache_.root() / "lab", error)) {
    if (auto state = TRY(find(entry.path().filename().string())))
      states.push_back(std::move(*state));
  }
  std::ranges::sort(states, {}, &LabState::name);
  return states;
}

base::Result<LabState> Labs::start(const LabOptions &options, const Dom0 &dom0,
                                   const fs::path &snapshot) {
  LabState state{.name = options.name,
                 .shape = options.shape,
                 .ssh_port = TRY(free_port()),
                 .identity = dom0.identity(),
                 .directory = directory_of(options.name)};
  std::error_code error;
  fs::remove_all(state.directory, error);
  if (!fs::create_directories(state.directory, error))
    return base::fail("make {}: {}", state.directory.string(), error.message());
  bool loading = !snapshot.empty();
  Machine machine{.dom0 = dom0,
                  .shape = options.shape,
                  .begin = loading ? Begin::snapshot : Begin::boot,
                  .disk = state.directory / "disk.qcow2",
                  .directory = state.directory,
                  .ssh_port = state.ssh_port};
  TRY(make_overlay(loading ? snapshot / "disk.qcow2" : dom0.disk(), machine.disk));
  if (options.shape == Shape::iommu)
    TRY(make_spare_disks(machine));
  base::Child child = TRY(start_machine(machine, options.life));
  state.pid = child.pid();
  TRY(save_state(state));
  auto bring_up = [&]() -> base::Result<> {
    if (loading) {
      Deadline deadline = Deadline::after(load_limit);
      auto monitor = TRY(Monitor::connect(machine.monitor(), deadline));
      TRY(monitor.load(snapshot / "state", deadline));
    }
    return await_host(state, child, Deadline::after(loading ? load_limit : boot_limit));
  };
  if (auto up = bring_up(); !up) {
    ::kill(-state.pid, SIGKILL); // timeout(1) alone would leave the emulator behind
    return std::unexpected(std::move(up).error());
  }
  child.release(); // it outlives us, and ends by itself
  return state;
}

base::Result<fs::path> Labs::get_snapshot(Shape shape, const Dom0 &dom0) {
  const std::string addition(facts_of(shape).addition);
  cache::Key key;
  key.add("dom0", dom0.directory.filename().string());
  key.add("machine", machine_signature(shape));
  key.add("warm-up", warm_up);
  std::string kind = snapshot_lab;
  std::string more; // of the addition's, whose files dom0's key has in it
  if (!addition.empty()) {
    kind = base::format("{}-{}", addition, snapshot_lab);
    more = TRY(base::read_file(config_ / addition / "warm-up", size_t{64} << 10));
  }
  key.add("emulator", TRY(base::run_checked({.argv = {"qemu-system-x86_64", "--version"}},
                                            Deadline::after(seconds(60)))));
  return cache_.get(kind, key, [&](const fs::path &output) -> base::Result<> {
    std::printf("boot the lab for its snapshot (about 2 minutes)\n");
    std::fflush(stdout);
    base::Clock::time_point begin = base::Clock::now();
    // Others may make theirs at the same time, of another dom0 or another shape.
    LabOptions options{.name = base::format("{}-{}", ::getpid(), snapshot_lab),
                       .shape = shape,
                       .life = minutes(30)};
    const Ending ending(*this, options.name);
    LabState state = TRY(start(options, dom0, {}));
    if (!more.empty())
      TRY(state.host().check(more, boot_limit));
    TRY(state.host().check(warm_up, minutes(3)));
    state.host().disconnect();
    Deadline deadline = Deadline::after(save_limit);
    auto monitor = TRY(Monitor::connect(state.directory / "monitor", deadline));
    TRY(monitor.save(output / "state", deadline));
    [[maybe_unused]] auto quit = monitor.run("quit", "", deadline); // it may go before it answers
    TRY(down(state.name));
    std::error_code error;
    fs::rename(state.directory / "disk.qcow2", output / "disk.qcow2", error);
    if (error)
      return base::fail("keep the snapshot's disk: {}", error.message());
    fs::remove_all(state.directory, error);
    auto took = std::chrono::duration_cast<seconds>(base::Clock::now() - begin);
    std::printf("snapshot of the booted lab: done in %lld s\n",
                static_cast<long long>(took.count()));
    return {};
  });
}

base::Result<LabState> Labs::up(const LabOptions &options) {
  if (auto state = TRY(find(options.name))) {
    if (state->shape != options.shape)
      return base::fail("lab {} is up in shape {}: take it down first (linstub lab down)",
                        options.name, shape_name(state->shape));
    return *state;
  }
  const ShapeFacts &facts = facts_of(options.shape);
  Dom0 dom0 = TRY(get_dom0(cache_, config_, facts.addition));
  fs::path snapshot;
  if (facts.begin == Begin::snapshot)
    snapshot = TRY(
        get_snapshot(options.shape, dom0).transform_error(base::doing("make the lab's snapshot")));
  auto state = start(options, dom0, snapshot);
  if (!state) [[maybe_unused]]
    auto ended = down(options.name);
  return state;
}

base::Result<> Labs::down(const std::string &name) {
  auto state = load_state(directory_of(name));
  if (!state)
    return {};
  state->host().disconnect();
  if (!alive(state->pid, state->directory))
    return {};
  // The pid is that of timeout(1), which leads a session: the emulator is in its group.
  ::kill(-state->pid, SIGTERM);
  for (Deadline deadline = Deadline::after(seconds(10)); alive(state->pid, state->directory);) {
    if (deadline.passed()) {
      ::kill(-state->pid, SIGKILL);
      break;
    }
    std::this_thread::sleep_for(Milliseconds(50));
  }
  std::error_code error;
  fs::remove(state->directory / "lab.json", error);
  if (!name.ends_with(snapshot_lab))
    fs::remove(state->directory / "disk.qcow2", error);
  return {};
}

} // namespace linstub::lab
