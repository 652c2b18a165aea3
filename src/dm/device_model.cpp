#include "dm/device_model.hpp"

#include "base/log.hpp"
#include "plan/stub_plan.hpp"
#include "xen/departure.hpp"

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
constexpr Milliseconds longest_renaming{60'000};

// Asked by libxl at the begin of each save and migration, when it takes down the guest's
// configuration (libxl_retrieve_domain_configuration()), and seldom else.
constexpr std::string_view herald_of_save = "query-cpus-fast";

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
  case Phase::saving:
  case Phase::retiring:
  case Phase::removing:
    return "upgrading";
  case Phase::ending:
    return "ending";
  case Phase::ended:
    break;
  }
  return life.outcome == Outcome::success ? "ended" : "failed";
}

} // namespace

DeviceModel::DeviceModel(base::EventLoop &loop, plan::Plan plan, manifest::Image image,
                         xen::Control control, xen::Xenstore xenstore, Keeper keeper,
                         run::Status &status)
    : loop_(loop), plan_(std::move(plan)), image_(std::move(image)), control_(std::move(control)),
      xenstore_(std::move(xenstore)), keeper_(std::move(keeper)), status_(status),
      guest_(*plan_.guest), mover_(std::make_unique<StateMover>(loop)) {
  // With -S QEMU says "running" only when libxl lets it go on.
  life_.qemu_runs = plan_.start == plan::Start::paused;
}

Result<> DeviceModel::run(plan::Plan plan, manifest::Image image, xen::Control control,
                          run::Status &status) {
  Keeper keeper = TRY(Keeper::start(*plan.guest, helper_program));
  auto loop = TRY(base::EventLoop::create());
  xen::Xenstore xenstore = TRY(xen::Xenstore::connect());
  DeviceModel model(*loop, std::move(plan), std::move(image), std::move(control),
                    std::move(xenstore), std::move(keeper), status);
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
  if (plan_.incoming >= 0) {
    base::Fd saved(plan_.incoming);
    state_.emplace(TRY(disk::StateFile::fill(guest_, saved)
                           .transform_error(base::doing("restore the device model"))));
  }
  services_ = TRY(GuestServices::open(loop_, plan_, monitors_owner()));
  media_ = std::make_unique<Media>(loop_, xenstore_, services_->monitors(), plan_, fd_sets_);
  requests_ = TRY(run::ControlSocket::open(
      loop_, guest_, [this](const run::UpgradeRequest &request) { upgrade_asked(request); }));
  TRY(xenstore_.watch("@releaseDomain", "domains"));
  TRY(xenstore_.watch(xen::domain_path(guest_) + "/name", "name"));
  xenstore_watch_ =
      TRY(loop_.watch(xenstore_.fd(), EPOLLIN, [this](uint32_t) { xenstore_ready(); }));
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

Result<> DeviceModel::create_stub_domain() {
  files_.clear();
  for (const plan::CopiedFile &file : plan_.files)
    files_.push_back(TRY(disk::FileDisk::prepare(file.disk.path, guest_, file.disk.vdev)
                             .transform_error(base::doing("direct boot"))));
  plan::Description description = plan::describe(
      plan_, image_, files_, {.state = state_ ? state_->path() : std::string(), .taps = taps_});
  status_.memory = description.memory;
  status_.image = image_.directory;
  status_.version = image_.identity.version;
  deadline_ = loop_.at(Deadline::after(longest_start), [this] { late(); });
  creation_ =
      TRY(Helper::start(loop_, {helper_program, "create"}, encode(description), keeper_.pipe(),
                        Deadline::after(longest_creation),
                        [this](Result<std::string> output) { created(std::move(output)); }));
  tell_status();
  return {};
}

void DeviceModel::happened(Event event, const std::string &why) {
  // A QEMU that is ended takes its channel with it.
  if (!why.empty() && life_.phase == Phase::retiring) {
    base::log_debug("{}", why);
  } else if (!why.empty()) {
    base::log_error("{}", why);
    last_error_ = why;
  }
  Phase before = life_.phase;
  Step next = step(life_, event);
  life_ = next.next;
  if (life_.phase != before)
    base::log_debug("{}", phase_text(life_));
  if (life_.phase == Phase::ending && before != Phase::ending && life_.outcome == Outcome::failure)
    cause_ = last_error_;
  for (Action action : next.actions)
    perform(action);
  tell_status();
}

void DeviceModel::perform(Action action) {
  Result<> done;
  Event if_not = Event::stub_failed;
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
  case Action::save_state:
    done = save_state();
    if_not = Event::save_failed;
    break;
  case Action::retire_qemu:
    return retire_qemu();
  case Action::forget_stub_domain:
    return forget_stub_domain();
  case Action::create_upgraded:
    done = create_next(std::move(*next_image_));
    if_not = Event::creation_failed;
    break;
  case Action::create_fallback:
    done = create_next(std::move(*previous_image_));
    if_not = Event::creation_failed;
    break;
  case Action::resume_guest:
    return resume_guest();
  case Action::resume_qemu:
    done = services_->monitors().ask("cont", "{}", [](const qmp::Reply &) {});
    break;
  case Action::tell_upgraded:
    return tell_upgraded();
  case Action::tell_not_upgraded:
    return tell_not_upgraded();
  case Action::finish:
    return loop_.stop();
  }
  if (!done)
    happened(if_not, done.error().message());
}

void DeviceModel::created(Result<std::string> output) {
  creation_.reset();
  // Found again by whose it is; the next one must not be taken for it.
  if (std::exchange(remove_after_creation_, false))
    return remove_stub_domain();
  Result<xen::DomId> domid = output.and_then([](std::string text) -> Result<xen::DomId> {
    if (text.ends_with('\n'))
      text.pop_back();
    return xen::parse_domid(text);
  });
  if (!domid)
    return happened(Event::creation_failed,
                    std::format("make the stub domain: {}", domid.error().message()));
  stub_ = *domid;
  files_.clear(); // loop devices hold what was copied
  base::log_info("stub domain {} has {} MiB and image {} of Linstub {}", *stub_, status_.memory,
                 image_.directory, image_.identity.version);
  happened(Event::created);
}

// The nodes of the stub domain that are watched, with the tokens.
std::array<DeviceModel::Watched, 3> DeviceModel::watched() const {
  std::string home = xen::domain_path(*stub_);
  return {{{home + "/data/linstub", "stub"},
           {home + "/device", "domains"}, // the first to go when it is destroyed
           {std::format("{}/device-model/{}/state", home, guest_), "stub"}}};
}

Result<> DeviceModel::follow_stub_domain() {
  status_.stub_domain = stub_;
  for (const Watched &one : watched())
    TRY(xenstore_.watch(one.path, one.token));
  return {};
}

Result<> DeviceModel::announce() {
  deadline_.reset();
  base::log_info("the guest is served by stub domain {}", *stub_);
  state_arrived();
  if (plan_.start == plan::Start::paused)
    return {}; // libxl asks the monitor
  return xenstore_.write(std::format("/local/domain/0/device-model/{}/state", guest_), "running");
}

// Also called from inside the channel: it goes when the loop comes round.
void DeviceModel::forget_stub_domain() {
  deadline_.reset();
  pci_.reset();
  mover_->abandon();
  media_->abandon();
  media_->forget();
  services_->disconnect();
  if (channel_) {
    channel_->leave();
    former_channels_.push_back(std::move(channel_));
    forget_ = loop_.at(Deadline::after(Milliseconds::zero()), [this] { former_channels_.clear(); });
  }
  // One that was never followed, because it could not be made, has no watches.
  if (status_.stub_domain) {
    for (const Watched &one : watched()) {
      if (auto ended = xenstore_.unwatch(one.path, one.token); !ended)
        base::log_warning("{}", ended.error().message());
    }
  }
  stub_.reset();
  status_.stub_domain.reset();
  stub_state_.clear();
  rest_ = Rest::none;
}

void DeviceModel::remove_stub_domain() {
  // A stub domain that is just being made is waited for: halfway it could not be found.
  if (creation_) {
    remove_after_creation_ = true;
    return;
  }
  deadline_.reset();
  // A disk that is on its way would be left behind.
  mover_->abandon();
  if (mover_->busy())
    return mover_->when_idle([this] { remove_stub_domain(); });
  media_->abandon();
  if (media_->busy())
    return media_->when_idle([this] { remove_stub_domain(); });
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
  bool name = false;
  for (;;) {
    auto event = xenstore_.next_event();
    if (!event)
      return happened(Event::stub_failed, event.error().message());
    if (!*event)
      break;
    stub = stub || (*event)->token == "stub";
    domains = domains || (*event)->token == "domains";
    name = name || (*event)->token == "name";
  }
  // What the stub domain has said comes before that it has gone: it may say why.
  Result<> looked;
  if (stub || domains)
    looked = look_at_stub_domain();
  if (looked && domains)
    looked = look_at_domains();
  if (looked && name)
    looked = look_at_name();
  if (!looked)
    happened(Event::stub_failed, looked.error().message());
}

Result<> DeviceModel::look_at_stub_domain() {
  if (!stub_ || life_.phase > Phase::retiring)
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
  if (!life_.qemu_runs && life_.phase == Phase::booting) {
    auto qemu = xenstore_.read_if_there(std::format("{}/device-model/{}/state", home, guest_),
                                        longest_word);
    if (qemu && *qemu == "running")
      happened(Event::qemu_runs);
  }
  media_->look();
  return channel_ ? Result<>() : connect_channel();
}

Result<> DeviceModel::look_at_domains() {
  auto guest = TRY(control_.info(guest_));
  if (!guest || guest->dying) {
    base::log_info("the guest has gone");
    happened(Event::guest_gone);
    return {};
  }
  const bool suspended = guest->shutdown == xen::shutdown_suspend;
  if (!std::exchange(suspended_, suspended) && suspended)
    expect_save();
  if (!stub_ || life_.phase > Phase::retiring)
    return {};
  auto stub = TRY(control_.info(*stub_));
  if (!stub || stub->dying)
    happened(Event::stub_gone, "the stub domain has been destroyed");
  else if (stub->shutdown)
    happened(Event::stub_gone,
             std::format("the stub domain has ended ({})", xen::shutdown_text(*stub->shutdown)));
  else if (TRY(xen::is_being_destroyed(*stub_, control_, xenstore_)))
    happened(Event::stub_gone, "somebody destroys the stub domain");
  return {};
}

// After a migration, or xl rename, the guest has another name, and so have its stub domain and its
// status: the next guest of the former name must find neither.
Result<> DeviceModel::look_at_name() {
  auto name = TRY(xenstore_.read_if_there(xen::domain_path(guest_) + "/name", 256));
  if (!name || name->empty() || *name == plan_.name)
    return {};
  base::log_info("the guest is called {} now", *name);
  run::remove_status(plan_.name);
  plan_.name = *name;
  status_.guest = *name;
  tell_status();
  if (!stub_)
    return {};
  auto renaming = Helper::start(
      loop_, {helper_program, "rename", std::format("{}", *stub_), plan_.name + "-dm"}, {}, -1,
      Deadline::after(longest_renaming), [this](const Result<std::string> &output) {
        renaming_.reset();
        if (!output)
          base::log_warning("rename the stub domain: {}", output.error().message());
      });
  renaming_ = TRY(std::move(renaming));
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
             if (auto connected = services_->connect(*channel_); !connected)
               happened(Event::stub_failed, connected.error().message());
           },
       .on_broken =
           [this](const std::string &why) {
             happened(Event::stub_failed,
                      std::format("the channel to the stub domain is broken: {}", why));
           }}));
  return {};
}

Monitors::Owner DeviceModel::monitors_owner() {
  return {
      .execute =
          [this](const qmp::Command &command, base::Fd received, const Monitors::Answer &answer) {
            execute(command, std::move(received), answer);
          },
      .before_qemu =
          [this](std::string_view command) {
            wake();
            if (command == herald_of_save)
              expect_save();
          },
      .on_ready = [this] { happened(Event::monitor_ready); },
      .on_broken = [this](const std::string &why) { happened(Event::stub_failed, why); },
      .attach =
          [this](const std::string &arguments, pci::PciDevices::Done done) {
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

Result<pci::PciDevices *> DeviceModel::pci() {
  if (!stub_)
    return base::fail("there is no stub domain yet");
  if (!pci_)
    pci_ = TRY(pci::PciDevices::open(loop_, control_, guest_, *stub_));
  return pci_.get();
}

void DeviceModel::tell_status() {
  status_.phase = phase_text(life_);
  status_.error = last_error_;
  if (auto written = run::write_status(status_); !written)
    base::log_warning("{}", written.error().message());
}

} // namespace linstub::dm
