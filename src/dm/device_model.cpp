// SPDX-License-Identifier: MIT
#include "dm/device_model.hpp"

#include "base/log.hpp"
#include "plan/stub_plan.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

namespace linstub::dm {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

// libxl waits for 60 s in all; what is left is for removing the stub domain and for saying why.
constexpr Milliseconds start_timeout{48'000};

// Between one attempt to remove a stub domain and the next: twice as long each time, up to the
// second.
constexpr Milliseconds first_removal_pause{2'000};
constexpr Milliseconds longest_removal_pause{60'000};

constexpr const char *name_token = "name";

// Each change in xenstore below the stub domain's directory is an event, and costs some reads of
// it. So many events are taken at once, and so often is looked.
constexpr int most_events = 64;
constexpr Milliseconds between_looks{50};

// So often is the status told how long the event loop was held, if that has changed.
constexpr Milliseconds between_turns{5'000};

} // namespace

DeviceModel::DeviceModel(base::EventLoop &loop, plan::Plan plan, manifest::Image image,
                         xen::Control control, xen::Xenstore xenstore, Keeper keeper,
                         run::Status &status)
    : loop_(loop), plan_(std::move(plan)), image_(std::move(image)), control_(std::move(control)),
      xenstore_(std::move(xenstore)), keeper_(loop, *plan_.guest, std::move(keeper)),
      status_(status), guest_(*plan_.guest), stubdom_(loop),
      link_(loop, xenstore_, control_, guest_,
            {.happened = [this](Event event, const std::string &why) { happened(event, why); },
             .on_channel = [this](Channel &channel) { return services_->connect(channel); }}),
      looks_(loop, between_looks, [this] { look(); }) {
  // With -S QEMU says "running" only when libxl lets it go on.
  life_.qemu_runs = plan_.start == plan::Start::paused;
}

Result<> DeviceModel::run(plan::Plan plan, manifest::Image image, xen::Control control,
                          run::Status &status) {
  Keeper keeper = TRY(Keeper::start(*plan.guest, stubdom_program));
  auto loop = TRY(base::EventLoop::create());
  xen::Xenstore xenstore = TRY(xen::Xenstore::connect());
  DeviceModel model(*loop, std::move(plan), std::move(image), std::move(control),
                    std::move(xenstore), std::move(keeper), status);
  Result<> served = model.prepare();
  if (served)
    served = loop->run();
  // Else there is a stub domain, perhaps: the keeper looks as soon as this process has ended.
  if (model.life_.phase == Phase::ended || !model.made_any_)
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
  TRY(keeper_.keep());
  TRY(open_parts());
  if (plan_.incoming >= 0)
    TRY(saver_->take(base::Fd(plan_.incoming))
            .transform_error(base::doing("restore the device model")));
  TRY(xenstore_.watch("@releaseDomain", StubLink::life_token));
  TRY(xenstore_.watch(xen::domain_path(guest_) + "/name", name_token));
  xenstore_watch_ =
      TRY(loop_.watch(xenstore_.fd(), EPOLLIN, [this](uint32_t) { xenstore_ready(); }));
  tell_turns();
  return create_stub_domain();
}

Result<> DeviceModel::open_parts() {
  services_ = TRY(GuestServices::open(loop_, plan_, monitors_owner()));
  Monitor &monitors = services_->monitors();
  saver_ = std::make_unique<Saver>(Saver::Context{.loop = loop_,
                                                  .xenstore = xenstore_,
                                                  .guest = guest_,
                                                  .life = life_,
                                                  .link = link_,
                                                  .monitors = monitors,
                                                  .stubdom = stubdom_,
                                                  .form = plan_.settings.saved_form},
                                   [this](const std::string &why) {
                                     last_error_ = why;
                                     tell_status();
                                   });
  media_ = std::make_unique<Media>(loop_, xenstore_, stubdom_, monitors, plan_);
  upgrade_ = TRY(Upgrade::open(
      {.loop = loop_,
       .plan = plan_,
       .life = life_,
       .control = control_,
       .xenstore = xenstore_,
       .link = link_,
       .saver = *saver_,
       .monitors = monitors},
      {.happened = [this](Event event, const std::string &why) { happened(event, why); },
       .busy = [this] { return saver_->busy() || media_->busy() || renaming_; },
       .can_be_replaced = [this] { return pci_ ? pci_->can_be_replaced() : Result<>(); }}));
  commands_ = std::make_unique<Commands>(life_, link_, *services_, *saver_, *media_);
  return {};
}

Monitor::Owner DeviceModel::monitors_owner() {
  return {
      .execute =
          [this](const qmp::Command &command, base::Fd received, const Monitor::Answer &answer) {
            commands_->execute(command, std::move(received), answer);
          },
      .before_qemu =
          [this](std::string_view command, std::string_view arguments) {
            link_.wake();
            saver_->before_command(command, arguments);
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
      .taken =
          [this](const std::string &id) {
            if (pci_)
              pci_->taken(id);
          },
      .give_back =
          [this](const std::string &id) {
            if (pci_)
              pci_->give_back(id);
          },
      .settle =
          [this](const std::string &listed, pci::PciDevices::Done then) {
            if (pci_)
              return pci_->settle(listed, std::move(then));
            then({});
          }};
}

Result<pci::PciDevices *> DeviceModel::pci() {
  if (!link_.stub())
    return base::fail("there is no stub domain yet");
  if (!pci_)
    pci_ = TRY(pci::PciDevices::open(loop_, control_, guest_, *link_.stub()));
  return pci_.get();
}

// --- What has happened, and what follows ---------------------------------------------------------

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
  case Action::remove_again:
    return remove_again();
  case Action::save_state:
    done = upgrade_->save_state();
    if_not = Event::save_failed;
    break;
  case Action::retire_qemu:
    done = upgrade_->retire_qemu();
    break;
  case Action::forget_stub_domain:
    return forget_stub_domain();
  case Action::create_upgraded:
  case Action::create_fallback:
    done = create_next();
    if_not = Event::creation_failed;
    break;
  case Action::resume_guest:
    return resume_guest();
  case Action::resume_qemu:
    done = services_->monitors().ask("cont", "{}", [](const qmp::Reply &) {});
    break;
  case Action::tell_upgraded:
    last_error_.clear();
    return upgrade_->tell_done(*link_.stub(), image_);
  case Action::tell_not_upgraded:
    return upgrade_->tell_failed(last_error_);
  case Action::reset_guest:
    done = upgrade_->reset_guest();
    break;
  case Action::tell_reset:
    return upgrade_->tell_reset();
  case Action::finish:
    return loop_.stop();
  }
  if (!done)
    happened(if_not, done.error().message());
}

// --- The life of a stub domain -------------------------------------------------------------------

Result<> DeviceModel::create_stub_domain() {
  files_.clear();
  for (const plan::CopiedFile &file : plan_.files)
    files_.push_back(TRY(disk::CopiedFile::prepare(file.disk.path, guest_, file.disk.vdev)
                             .transform_error(base::doing("direct boot"))));
  plan::Description description =
      plan::describe(plan_, image_, files_, {.state = saver_->next_state(), .taps = taps_});
  status_.memory = description.memory;
  status_.image = image_.directory;
  status_.version = image_.identity.version;
  start_deadline_ = loop_.at(Deadline::after(start_timeout), [this] {
    happened(Event::deadline,
             base::format("the stub domain was not ready within {} s: {}",
                          start_timeout.count() / 1000, link_.last_words(plan_.name)));
  });
  creating_ = true;
  made_any_ = true;
  stubdom_.create(description, keeper_.pipe(),
                  [this](const Result<xen::DomId> &stub) { created(stub); });
  tell_status();
  return {};
}

void DeviceModel::created(const Result<xen::DomId> &stub) {
  creating_ = false;
  // Found again by whose it is; the next one must not be taken for it.
  if (std::exchange(remove_after_creation_, false))
    return remove_stub_domain();
  if (!stub)
    return happened(Event::creation_failed,
                    base::format("make the stub domain: {}", stub.error().message()));
  link_.found(*stub);
  files_.clear(); // loop devices hold what was copied
  base::log_info("stub domain {} has {} MiB and image {} of Linstub {}", *stub, status_.memory,
                 image_.directory, image_.identity.version);
  happened(Event::created);
}

Result<> DeviceModel::follow_stub_domain() {
  status_.stub_domain = link_.stub();
  return link_.follow();
}

Result<> DeviceModel::announce() {
  start_deadline_.reset();
  base::log_info("the guest is served by stub domain {}", *link_.stub());
  state_arrived();
  if (plan_.start == plan::Start::paused)
    return {}; // libxl asks the monitor
  return xenstore_.write(base::format("/local/domain/0/device-model/{}/state", guest_), "running");
}

// QEMU runs with its state, if there was one.
void DeviceModel::state_arrived() {
  const uint32_t memory = status_.memory - plan::memory_to_restore(plan_);
  if (saver_->arrived(memory))
    status_.memory = memory;
}

// May be called from inside the channel.
void DeviceModel::forget_stub_domain() {
  start_deadline_.reset();
  upgrade_->stop_waiting();
  pci_.reset();
  saver_->abandon();
  media_->abandon();
  media_->forget();
  services_->disconnect();
  link_.forget();
  status_.stub_domain.reset();
}

void DeviceModel::remove_stub_domain() {
  // A stub domain that is just being made is waited for: halfway it could not be found.
  if (creating_) {
    remove_after_creation_ = true;
    return;
  }
  start_deadline_.reset();
  upgrade_->stop_waiting();
  // A disk that is on its way would be left behind.
  saver_->abandon();
  if (saver_->busy())
    return saver_->when_idle([this] { remove_stub_domain(); });
  media_->abandon();
  if (media_->busy())
    return media_->when_idle([this] { remove_stub_domain(); });
  stubdom_.destroy(guest_, [this](const Result<> &removed) {
    if (!removed)
      return happened(Event::not_removed,
                      base::format("remove the stub domain: {}", removed.error().message()));
    removal_pause_ = {};
    happened(Event::removed);
  });
}

void DeviceModel::remove_again() {
  removal_pause_ = std::clamp(2 * removal_pause_, first_removal_pause, longest_removal_pause);
  next_removal_ = loop_.at(Deadline::after(removal_pause_), [this] { remove_stub_domain(); });
}

Result<> DeviceModel::create_next() {
  image_ = upgrade_->take_image(std::move(image_), last_error_);
  taps_ = plan::Taps::join;
  return create_stub_domain();
}

void DeviceModel::resume_guest() {
  start_deadline_.reset();
  upgrade_->resume_guest();
  state_arrived();
}

void DeviceModel::crash_guest() {
  base::log_error("the guest crashes, since it has no device model any more");
  base::log_failure(control_.crash(guest_));
}

// --- What is noticed in xenstore -----------------------------------------------------------------

void DeviceModel::xenstore_ready() {
  for (int i = 0; i < most_events; i++) {
    auto event = xenstore_.next_event();
    if (!event)
      return happened(Event::stub_failed, event.error().message());
    if (!*event)
      break;
    changed_.words = changed_.words || (*event)->token == StubLink::words_token;
    changed_.domains = changed_.domains || (*event)->token == StubLink::life_token;
    changed_.name = changed_.name || (*event)->token == name_token;
  }
  looks_.ask();
}

void DeviceModel::look() {
  const auto [words, domains, name] = std::exchange(changed_, {});
  // What the stub domain has said comes before that it has gone: it may say why.
  Result<> looked;
  if (words || domains)
    looked = look_at_stub_domain();
  if (looked && domains)
    looked = look_at_domains();
  if (looked && name)
    looked = look_at_name();
  if (!looked)
    happened(Event::stub_failed, looked.error().message());
}

Result<> DeviceModel::look_at_stub_domain() {
  if (!counts_stub_domain(life_.phase))
    return {};
  TRY(link_.look());
  media_->look();
  return {};
}

Result<> DeviceModel::look_at_domains() {
  auto guest = TRY(control_.info(guest_));
  if (!guest || guest->dying) {
    base::log_info("the guest has gone");
    happened(Event::guest_gone);
    return {};
  }
  return counts_stub_domain(life_.phase) ? link_.look_whether_it_lives() : Result<>();
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
  if (!link_.stub())
    return {};
  renaming_ = true;
  stubdom_.rename(*link_.stub(), plan_.name + "-dm", [this](const Result<> &renamed) {
    renaming_ = false;
    if (!renamed)
      base::log_warning("rename the stub domain: {}", renamed.error().message());
  });
  return {};
}

void DeviceModel::tell_turns() {
  if (loop_.longest_turn() != status_.longest_turn)
    tell_status();
  turns_timer_ = loop_.at(Deadline::after(between_turns), [this] { tell_turns(); });
}

void DeviceModel::tell_status() {
  status_.phase = phase_text(life_);
  status_.error = last_error_;
  status_.longest_turn = loop_.longest_turn();
  base::log_failure(run::write_status(status_), base::LogLevel::warning);
}

} // namespace linstub::dm
