#include "dm/device_model.hpp"

#include "base/log.hpp"
#include "dm/description.hpp"

#include <signal.h>

#include <algorithm>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

// libxl waits for 60 s in all; what is left is for removing the stub domain and for saying why.
constexpr Milliseconds longest_start{48'000};
constexpr Milliseconds longest_creation{44'000};
constexpr Milliseconds longest_removal{60'000};

constexpr const char *helper_program = LINSTUB_STUBDOM;

// The words of linstub-init (wire/paths.hpp), and what it is doing meanwhile.
struct StubState {
  std::string_view word;
  std::string_view meaning;
};
constexpr std::array<StubState, 5> stub_states{{
    {"booting", "linstub-init was starting up"},
    {"devices", "it waited for its disks and network interfaces"},
    {"qemu", "QEMU was starting"},
    {"running", "QEMU ran, but its monitor did not answer"},
    {"failed", "it had failed"},
}};

std::string phase_text(const Life &life) {
  switch (life.phase) {
  case Phase::creating:
    return "creating";
  case Phase::booting:
    return "booting";
  case Phase::serving:
    return "serving";
  case Phase::ending:
    return "ending";
  case Phase::ended:
    break;
  }
  return life.outcome == Outcome::success ? "ended" : "failed";
}

uint32_t mebibytes(uint64_t bytes) {
  constexpr uint64_t mebibyte = uint64_t{1} << 20;
  return static_cast<uint32_t>((bytes + mebibyte - 1) / mebibyte);
}

// A copied file takes its size twice: in the stub domain's file system, and in QEMU's memory.
uint32_t memory_needed(const Settings &settings, const std::vector<FileDisk> &files) {
  uint32_t memory = settings.memory;
  for (const FileDisk &file : files)
    memory += 2 * mebibytes(file.size());
  return memory;
}

std::string kernel_command_line(const Settings &settings) {
  std::string line = "console=hvc0 rootfstype=ramfs sysctl.vm.overcommit_memory=1 clocksource=tsc "
                     "tsc=reliable xen_privcmd.unrestricted=1 "
                     "swiotlb=noforce";
  if (settings.log_level != base::LogLevel::debug)
    line += " quiet";
  if (!settings.kernel_options.empty())
    line.append(" ").append(settings.kernel_options);
  return line;
}

std::string level_name(base::LogLevel level) {
  constexpr std::array<const char *, 4> names{"error", "warning", "info", "debug"};
  return names.at(static_cast<size_t>(level));
}

} // namespace

DeviceModel::DeviceModel(base::EventLoop &loop, Plan plan, Image image, std::vector<FileDisk> files,
                         xen::Control control, xen::Xenstore xenstore, Keeper keeper, Status status)
    : loop_(loop), plan_(std::move(plan)), image_(std::move(image)), files_(std::move(files)),
      control_(std::move(control)), xenstore_(std::move(xenstore)), keeper_(std::move(keeper)),
      status_(std::move(status)), guest_(*plan_.guest) {
  memory_ = memory_needed(plan_.settings, files_);
  status_.memory = memory_;
  // With -S QEMU says "running" only when libxl lets it go on.
  life_.qemu_runs = plan_.start == Start::paused;
}

Result<> DeviceModel::run(Plan plan, Image image, std::vector<FileDisk> files, xen::Control control,
                          Status status) {
  Keeper keeper = TRY(Keeper::start(*plan.guest, helper_program));
  auto loop = TRY(base::EventLoop::create());
  xen::Xenstore xenstore = TRY(xen::Xenstore::connect());
  DeviceModel model(*loop, std::move(plan), std::move(image), std::move(files), std::move(control),
                    std::move(xenstore), std::move(keeper), std::move(status));
  Result<> served = model.prepare();
  if (served)
    served = loop->run();
  model.keeper_watch_.reset();
  model.keeper_.dismiss();
  if (served && model.life_.outcome == Outcome::failure)
    return base::fail("{}", model.cause_);
  return served;
}

Result<> DeviceModel::prepare() {
  ::signal(SIGPIPE, SIG_IGN);
  signals_ = TRY(loop_.on_signals({SIGTERM, SIGHUP, SIGINT}, [this](int signal) {
    base::log_info("asked to end by signal {}", signal);
    happened(Event::end_asked);
  }));
  TRY(keep_keeper());
  if (plan_.vnc)
    vnc_ = TRY(VncServer::open(loop_, *plan_.vnc));
  for (const SerialPort &port : plan_.serial)
    serial_.push_back(TRY(SerialLine::open(loop_, port, static_cast<uint8_t>(serial_.size()))));
  monitors_ = TRY(Monitors::open(loop_, plan_.monitors, monitors_owner()));
  TRY(xenstore_.watch("@releaseDomain", "domains"));
  xenstore_watch_ =
      TRY(loop_.watch(xenstore_.fd(), EPOLLIN, [this](uint32_t) { xenstore_ready(); }));
  deadline_ = loop_.at(Deadline::after(longest_start), [this] { late(); });
  tell_status();
  return create_stub_domain();
}

// A keeper that is gone, whoever ended it, is replaced.
Result<> DeviceModel::keep_keeper() {
  keeper_watch_ = TRY(loop_.watch(keeper_.pidfd().get(), EPOLLIN, [this](uint32_t) {
    base::log_warning("the keeper has ended: starting another one");
    keeper_watch_.reset();
    auto keeper = Keeper::start(guest_, helper_program);
    if (!keeper)
      return base::log_error("{}", keeper.error().message());
    keeper_ = std::move(*keeper);
    if (auto kept = keep_keeper(); !kept)
      base::log_error("{}", kept.error().message());
  }));
  return {};
}

std::string DeviceModel::description() const {
  Description description{.guest = guest_,
                          .name = plan_.name + "-dm",
                          .kernel = image_.kernel,
                          .ramdisk = image_.ramdisk,
                          .command_line = kernel_command_line(plan_.settings),
                          .memory = memory_,
                          .log_level = level_name(plan_.settings.log_level),
                          .arguments = plan_.qemu,
                          .disks = plan_.disks,
                          .files = {},
                          .nics = plan_.nics};
  for (size_t i = 0; i < files_.size(); i++) {
    const CopiedFile &file = plan_.files.at(i);
    Disk disk = file.disk;
    disk.path = files_[i].path();
    description.files.push_back({.device = disk.vdev, .size = files_[i].size(), .path = file.path});
    description.disks.push_back(std::move(disk));
  }
  return encode(description);
}

Result<> DeviceModel::create_stub_domain() {
  creation_ =
      TRY(Helper::start(loop_, {helper_program, "create"}, description(), keeper_.pipe(),
                        Deadline::after(longest_creation),
                        [this](Result<std::string> output) { created(std::move(output)); }));
  return {};
}

void DeviceModel::happened(Event event, const std::string &why) {
  if (!why.empty()) {
    base::log_error("{}", why);
    if (cause_.empty())
      cause_ = why;
  }
  Phase before = life_.phase;
  Step next = step(life_, event);
  life_ = next.next;
  if (life_.phase != before)
    base::log_debug("{}", phase_text(life_));
  for (Action action : next.actions)
    perform(action);
  tell_status();
}

void DeviceModel::perform(Action action) {
  Result<> done;
  switch (action) {
  case Action::follow_stub_domain:
    done = follow_stub_domain();
    break;
  case Action::announce:
    done = announce();
    break;
  case Action::crash_guest:
    return crash_guest();
  case Action::remove_stub_domain:
    return remove_stub_domain();
  case Action::finish:
    return loop_.stop();
  }
  if (!done)
    happened(Event::stub_failed, done.error().message());
}

void DeviceModel::created(Result<std::string> output) {
  creation_.reset();
  Result<xen::DomId> domid = output.and_then([](std::string text) -> Result<xen::DomId> {
    if (text.ends_with('\n'))
      text.pop_back();
    return xen::parse_domid(text);
  });
  if (domid)
    stub_ = *domid;
  if (remove_after_creation_)
    return remove_stub_domain();
  if (!domid)
    return happened(Event::creation_failed,
                    std::format("make the stub domain: {}", domid.error().message()));
  files_.clear(); // loop devices hold what was copied
  base::log_info("stub domain {} has {} MiB and image {} of Linstub {}", *stub_, memory_,
                 plan_.settings.image, image_.manifest.version);
  happened(Event::created);
}

Result<> DeviceModel::follow_stub_domain() {
  status_.stub_domain = stub_;
  std::string home = xen::domain_path(*stub_);
  TRY(xenstore_.watch(home + "/data/linstub", "stub"));
  return xenstore_.watch(std::format("{}/device-model/{}/state", home, guest_), "stub");
}

Result<> DeviceModel::announce() {
  deadline_.reset();
  announced_ = true;
  base::log_info("the guest is served by stub domain {}", *stub_);
  if (plan_.start == Start::paused)
    return {}; // libxl asks the monitor
  return xenstore_.write(std::format("/local/domain/0/device-model/{}/state", guest_), "running");
}

void DeviceModel::remove_stub_domain() {
  // A stub domain that is just being made is waited for: halfway it could not be found.
  if (creation_) {
    remove_after_creation_ = true;
    return;
  }
  deadline_.reset();
  auto removal =
      Helper::start(loop_, {helper_program, "destroy", std::format("{}", guest_)}, {}, -1,
                    Deadline::after(longest_removal), [this](auto output) {
                      removal_.reset();
                      if (!output)
                        base::log_error("remove the stub domain: {}", output.error().message());
                      happened(Event::removed);
                    });
  if (removal) {
    removal_ = std::move(*removal);
    return;
  }
  base::log_error("remove the stub domain: {}", removal.error().message());
  happened(Event::removed);
}

void DeviceModel::crash_guest() {
  base::log_error("the guest crashes, since it has no device model any more");
  if (auto crashed = control_.crash(guest_); !crashed)
    base::log_error("{}", crashed.error().message());
}

void DeviceModel::late() {
  std::string where = "it was still being made";
  if (stub_) {
    const auto *state = std::ranges::find(stub_states, stub_state_, &StubState::word);
    where = state != stub_states.end()
                ? std::string(state->meaning)
                : std::format("it has said nothing: is its kernel alive? (xl console {}-dm, or "
                              "log-level=debug)",
                              plan_.name);
  }
  happened(Event::deadline, std::format("the stub domain was not ready within {} s: {}",
                                        longest_start.count() / 1000, where));
}

void DeviceModel::xenstore_ready() {
  bool stub = false;
  bool domains = false;
  for (;;) {
    auto event = xenstore_.next_event();
    if (!event)
      return happened(Event::stub_failed, event.error().message());
    if (!*event)
      break;
    stub = stub || (*event)->token == "stub";
    domains = domains || (*event)->token == "domains";
  }
  // What the stub domain has said comes before that it has gone: it may say why.
  Result<> looked;
  if (stub || domains)
    looked = look_at_stub_domain();
  if (looked && domains)
    looked = look_at_domains();
  if (!looked)
    happened(Event::stub_failed, looked.error().message());
}

Result<> DeviceModel::look_at_stub_domain() {
  if (!stub_ || life_.phase > Phase::serving)
    return {};
  std::string home = xen::domain_path(*stub_);
  constexpr size_t longest_word = 16;
  auto state = xenstore_.read_if_there(std::format("{}/{}", home, wire::state_node), longest_word);
  if (state && *state && std::ranges::contains(stub_states, **state, &StubState::word) &&
      **state != stub_state_) {
    stub_state_ = **state;
    base::log_debug("stub domain: {}", stub_state_);
  }
  if (stub_state_ == "failed") {
    auto error = xenstore_.read_if_there(std::format("{}/{}", home, wire::error_node));
    std::string text =
        error && *error ? base::printable(**error, wire::longest_error) : "no reason";
    happened(Event::stub_failed, std::format("the stub domain has failed: {}", text));
    return {};
  }
  if (!life_.qemu_runs) {
    auto qemu = xenstore_.read_if_there(std::format("{}/device-model/{}/state", home, guest_),
                                        longest_word);
    if (qemu && *qemu == "running")
      happened(Event::qemu_runs);
  }
  return channel_ ? Result<>() : connect_channel();
}

Result<> DeviceModel::look_at_domains() {
  auto guest = TRY(control_.info(guest_));
  if (!guest || guest->dying) {
    base::log_info("the guest has gone");
    happened(Event::guest_gone);
    return {};
  }
  if (!stub_ || life_.phase > Phase::serving)
    return {};
  auto stub = TRY(control_.info(*stub_));
  if (!stub || stub->dying)
    happened(Event::stub_gone, "the stub domain has been destroyed");
  else if (stub->shutdown)
    happened(Event::stub_gone,
             std::format("the stub domain has ended ({})", xen::shutdown_text(*stub->shutdown)));
  return {};
}

Result<> DeviceModel::connect_channel() {
  std::string path = std::format("{}/{}", xen::domain_path(*stub_), wire::channel_node);
  for (const char *node : {"ring-ref", "event-channel"}) {
    auto value = xenstore_.read_if_there(std::format("{}/{}", path, node), 16);
    if (!value || !*value)
      return {}; // not yet
  }
  channel_ = TRY(Channel::connect(
      loop_, *stub_,
      {.on_ready =
           [this] {
             if (auto connected = connect_services(); !connected)
               happened(Event::stub_failed, connected.error().message());
           },
       .on_broken =
           [this](const std::string &why) {
             happened(Event::stub_failed,
                      std::format("the channel to the stub domain is broken: {}", why));
           }}));
  return {};
}

Result<> DeviceModel::connect_services() {
  TRY(log_.connect(*channel_));
  TRY(monitors_->connect(*channel_));
  for (auto &line : serial_)
    TRY(line->connect(*channel_));
  if (vnc_)
    TRY(vnc_->serve(*channel_));
  return {};
}

Monitors::Owner DeviceModel::monitors_owner() {
  return {.answer = [this](const std::string &command) { return answer(command); },
          .on_ready = [this] { happened(Event::monitor_ready); },
          .on_broken = [this](const std::string &why) { happened(Event::stub_failed, why); },
          .attach =
              [this](const std::string &arguments, PciDevices::Done done) {
                auto devices = pci();
                if (!devices)
                  return done(std::unexpected(std::move(devices).error()));
                (*devices)->attach(arguments, std::move(done));
              },
          .give_back =
              [this](const std::string &id) {
                if (pci_)
                  pci_->give_back(id);
              },
          .when_settled =
              [this](std::function<void()> settled) {
                if (pci_)
                  return pci_->when_settled(std::move(settled));
                settled();
              }};
}

Result<PciDevices *> DeviceModel::pci() {
  if (!stub_)
    return base::fail("there is no stub domain yet");
  if (!pci_)
    pci_ = TRY(PciDevices::open(loop_, control_, guest_, *stub_));
  return pci_.get();
}

std::string DeviceModel::answer(const std::string &command) {
  if (command == "query-vnc")
    return vnc_ ? vnc_->description() : R"({"enabled":false})";
  std::string list; // query-chardev
  for (size_t i = 0; i < serial_.size(); i++)
    list += std::format(R"({}{{"label":"serial{}","filename":{},"frontend-open":true}})",
                        list.empty() ? "" : ",", i, qmp::quoted(serial_[i]->filename()));
  return std::format("[{}]", list);
}

void DeviceModel::tell_status() {
  status_.phase = phase_text(life_);
  status_.error = cause_;
  if (auto written = write_status(status_); !written)
    base::log_warning("{}", written.error().message());
}

} // namespace linstub::dm
