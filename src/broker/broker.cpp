// SPDX-License-Identifier: MIT
#include "broker/broker.hpp"

#include "base/log.hpp"
#include "disk/tpm_state.hpp"
#include "plan/cpu_hotplug.hpp"
#include "plan/drives.hpp"
#include "plan/stub_plan.hpp"
#include "wire/paths.hpp"

#include <algorithm>
#include <utility>

namespace linstub::broker {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;

constexpr Milliseconds predecessor_timeout{10'000};
constexpr Milliseconds between_tries{200};
// Each change in xenstore below the stub domain's directory is an event, and costs some reads of
// it: so often is looked.
constexpr Milliseconds between_looks{50};

constexpr const char *no_stub = "there is no stub domain";

} // namespace

Broker::Broker(Context context, Listener &listener)
    : context_(std::move(context)), listener_(listener), guest_(*context_.plan.guest),
      stubdom_(context_.loop, context_.stubdom_program),
      watch_(context_.xenstore, context_.control, guest_,
             {.said = [this](StubWord word) { listener_.on_word(word); },
              .failed = [this](const std::string &why) { listener_.on_stub_failed(why); },
              .qemu_runs = [this] { listener_.on_qemu_runs(); },
              .serves_channel =
                  [this] {
                    if (auto connected = connect(Which::first, *stub_); !connected)
                      listener_.on_stub_failed(connected.error().message());
                  },
              .gone = [this](const std::string &why) { listener_.on_stub_gone(why); }}),
      succession_({.loop = context_.loop,
                   .xenstore = context_.xenstore,
                   .control = context_.control,
                   .stubdom = stubdom_,
                   .guest = guest_},
                  {.said = [this](StubWord word) { listener_.on_next_word(word); },
                   .failed = [this](const std::string &why) { listener_.on_next_failed(why); },
                   .qemu_runs = [] {}, // QEMU says so at its monitor
                   .serves_channel =
                       [this] {
                         if (auto connected = connect(Which::next, *succession_.next()); !connected)
                           listener_.on_next_failed(connected.error().message());
                       },
                   .gone = [this](const std::string &why) { listener_.on_next_failed(why); }},
                  [this] {
                    upgrades_->settled(succession_.failed());
                    remove_if_possible();
                  }),
      state_(context_.xenstore, stubdom_, guest_),
      drives_(context_.xenstore, stubdom_, context_.plan, images_),
      backends_(
          context_.loop, context_.xenstore, context_.plan,
          {.name =
               [this](const std::set<std::string> &others) { return drives_.free_name(others); },
           .plug = [this](const disk::Disk &disk) { return plug_disk(disk); },
           .unplug = [this](const std::string &vdev, const Done &done) { unplug_disk(vdev, done); },
           .leaving = [this] { return leaving_disks_ != 0; }}),
      leaving_(context_.loop, context_.xenstore),
      calls_(context_.xenstore, context_.control, guest_, context_.plan.video_memory),
      looks_(context_.loop, between_looks, [this] { look(); }) {}

Result<std::unique_ptr<Broker>> Broker::open(Context context, manifest::Image image,
                                             Listener &listener) {
  std::unique_ptr<Broker> broker(new Broker(std::move(context), listener));
  TRY(broker->prepare(std::move(image)));
  return broker;
}

Result<> Broker::prepare(manifest::Image image) {
  upgrades_ =
      TRY(Upgrades::open(context_.loop, context_.plan, context_.control, std::move(image),
                         {.upgrade = [this] { listener_.on_upgrade_asked(); },
                          .reset = [this] { listener_.on_reset_asked(); },
                          .can_be_replaced = [this] { return can_be_replaced(); },
                          .can_be_reset = [this] { return has_run_ && !removing_ && !left_; }}));
  if (context_.plan.incoming >= 0)
    TRY(state_.take(base::Fd(context_.plan.incoming))
            .transform_error(base::doing("restore the device model")));
  TRY(prepare_tpm());
  TRY(backends_.find());
  return watch_xenstore();
}

Result<> Broker::can_be_replaced() {
  TRY(succession_.may_begin());
  return nothing_is_lost();
}

// Counts what has to end before the stub domain can be removed: it would be left behind.
Done Broker::task(Done done) {
  tasks_++;
  return [this, done = std::move(done)](const Result<> &result) {
    tasks_--;
    done(result);
    remove_if_possible();
  };
}

template <class Value>
bool Broker::lacks_stub(const std::function<void(Result<Value>)> &done) {
  if (!stub_)
    done(base::fail("{}", no_stub));
  return !stub_;
}

// --- The stub domain -----------------------------------------------------------------------------

void Broker::create(Which which, std::function<void(Result<xen::DomId> stub)> created) {
  if (which == Which::next)
    return create_next(std::move(created));
  if (stub_ || created_ || removing_ || left_)
    return created(base::fail("there is a stub domain already"));
  created_ = std::move(created);
  create_when_free(Deadline::after(predecessor_timeout));
}

// Who has an image may be this guest's predecessor, which is on its way out.
void Broker::create_when_free(Deadline deadline) {
  auto started = images_.hold(plan::disks_of(context_.plan));
  if (!started && started.error().code() == EBUSY && !deadline.passed()) {
    creation_ = context_.loop.at(Deadline::after(between_tries),
                                 [this, deadline] { create_when_free(deadline); });
    return;
  }
  creation_.reset();
  if (started)
    started = start_creation();
  if (started)
    return;
  std::exchange(created_, {})(std::unexpected(std::move(started).error()));
  remove_if_possible();
}

Result<> Broker::start_creation() {
  if (context_.plan.tpm && state_.next().empty())
    TRY(disk::power_off_tpm(context_.plan.tpm->path));
  plan::Description description = TRY(describe(upgrades_->image(), plan::Role::first));
  context_.status.memory = description.memory;
  note_image();
  stubdom_.create(description, context_.keeper_pipe(),
                  [this](const Result<xen::DomId> &stub) { created(stub); });
  return {};
}

// With the files of a direct boot, which are held until the stub domain has them.
Result<plan::Description> Broker::describe(const manifest::Image &image, plan::Role role) {
  files_.clear();
  for (const plan::CopiedFile &file : context_.plan.files)
    files_.push_back(TRY(disk::CopiedFile::prepare(file.disk.path, guest_, file.disk.vdev)
                             .transform_error(base::doing("direct boot"))));
  return plan::describe(context_.plan, image, files_, {.state = state_.next(), .role = role});
}

void Broker::created(const Result<xen::DomId> &stub) {
  auto tell = std::exchange(created_, {});
  files_.clear(); // loop devices hold what was copied
  // One that is to be removed is found again by whose it is.
  if (stub && !removing_) {
    stub_ = *stub;
    note_memory();
    base::log_info("stub domain {} has {} MiB and image {} of Linstub {}", *stub,
                   context_.status.memory, context_.status.image, context_.status.version);
  }
  if (!stub)
    keep_spares();
  tell(stub);
  if (stub_)
    follow(*stub_);
  remove_if_possible();
}

// A spare one may have more than was asked for.
void Broker::note_memory() {
  if (context_.plan.settings.spares == 0)
    return;
  if (auto info = context_.control.info(*stub_); info && *info)
    context_.status.memory = static_cast<uint32_t>((*info)->memory >> 20);
}

void Broker::follow(xen::DomId stub) {
  context_.status.stub_domain = stub;
  write_status();
  if (auto followed = watch_.follow(stub); !followed)
    listener_.on_stub_failed(followed.error().message());
  // The guest does not run yet, or is held: its drivers have met no other backend than this one.
  if (auto moved = backends_.move(stub); !moved)
    listener_.on_stub_failed(moved.error().message());
}

void Broker::remove(Done removed) {
  if (removing_)
    return removed(base::fail("the stub domain is being removed already"));
  removing_ = true;
  removed_ = std::move(removed);
  forget_stub();
  leaving_.drop(); // the disks go with the stub domain
  stubdom_.drop_detachments();
  if (creation_) { // it waits for an image, and nothing is made yet
    creation_.reset();
    std::exchange(created_, {})(base::fail("the stub domain is not made: it is to be removed"));
  }
  remove_if_possible();
}

Result<> Broker::connect(Which which, xen::DomId stub) {
  return context_.connect(which, stub,
                          base::format("{}/{}", xen::domain_path(stub), wire::channel_node));
}

// --- The next stub domain ------------------------------------------------------------------------

void Broker::create_next(std::function<void(Result<xen::DomId> next)> created) {
  if (!stub_ || removing_)
    return created(base::fail("{}", no_stub));
  if (!upgrades_->next())
    return created(base::fail("nobody has asked for an upgrade"));
  auto description =
      succession_.may_begin().and_then([this] { return state_.share(); }).and_then([this] {
        return describe(*upgrades_->next(), plan::Role::next);
      });
  if (!description)
    return created(std::unexpected(std::move(description).error()));
  next_has_ = what_it_has();
  next_memory_ = description->memory;
  succession_.make(*description, context_.keeper_pipe(),
                   [this, created = std::move(created)](const Result<xen::DomId> &next) {
                     files_.clear(); // loop devices hold what was copied
                     auto prepared = next ? backends_.prepare(*next) : Result<>();
                     created(prepared ? next : std::unexpected(prepared.error()));
                   });
}

// Its names, and the devices that are made from the plan: without what is only for its start.
plan::Description Broker::describe_settled() const {
  return plan::describe(context_.plan, upgrades_->image(), {},
                        {.state = {}, .role = plan::Role::next});
}

// In comparable form. A guest may be renamed meanwhile.
std::string Broker::what_it_has() const {
  plan::Description description = describe_settled();
  description.name.clear();
  return plan::encode(description);
}

void Broker::take_over() {
  if (!succession_.next() || !state_.kept())
    return listener_.on_stub_failed("there is no next stub domain that could take over");
  const xen::DomId next = *succession_.next();
  pci_.reset();
  leaving_.drop();
  state_.forget();
  upgrades_->took_over();
  succession_.take_over(watch_, *stub_, describe_settled());
  stub_ = next;
  resting_ = false;
  context_.status.memory = next_memory_;
  note_image();
  context_.status.stub_domain = next;
  base::log_info("stub domain {} has taken over, with image {} of Linstub {}", next,
                 context_.status.image, context_.status.version);
  write_status();
  // The guest is held: its drivers have met no other backend than this one.
  if (auto moved = backends_.move(next); !moved)
    listener_.on_stub_failed(moved.error().message());
  keep_spares();
}

void Broker::drop_next() {
  state_.drop();
  if (stub_)
    succession_.drop({.stub = *stub_, .description = describe_settled()});
}

// --- Its end -------------------------------------------------------------------------------------

// A stub domain that is just being made is waited for: halfway it could not be found. So is a disk
// that is on its way: it would be left behind.
void Broker::remove_if_possible() {
  if (!removed_ || created_ || tasks_ != 0 || succession_.busy())
    return;
  stubdom_.destroy(guest_, [this, tell = std::exchange(removed_, {})](const Result<> &removed) {
    removing_ = false;
    left_ = !removed.has_value();
    if (removed)
      drives_.forget();
    tell(removed.transform_error(base::doing("remove the stub domain")));
    if (auto then = std::exchange(also_removed_, {}))
      then();
  });
}

Stage Broker::stage() const {
  if (removing_)
    return Stage::going;
  if (left_)
    return Stage::left;
  if (created_)
    return Stage::making;
  return stub_ ? Stage::there : Stage::nothing;
}

void Broker::forget_stub() {
  pci_.reset();
  succession_.forget();
  watch_.forget();
  state_.forget();
  backends_.forget();
  stub_.reset();
  resting_ = false;
  context_.status.stub_domain.reset();
}

void Broker::rest_stub() {
  if (!stub_ || resting_)
    return;
  auto paused = context_.control.pause(*stub_);
  resting_ = paused.has_value();
  base::log_failure(paused, base::LogLevel::warning);
}

void Broker::wake_stub() {
  if (std::exchange(resting_, false) && stub_)
    base::log_failure(context_.control.unpause(*stub_));
}

void Broker::give_images() { images_.let_all_go(); }

void Broker::take_images(Done taken) {
  if (!lacks_stub(taken))
    taken(images_.hold(plan::disks_of(context_.plan)));
}

// --- The state of its QEMU -----------------------------------------------------------------------

void Broker::plug_state(std::function<void(Result<base::Fd> file)> plugged) {
  if (!lacks_stub(plugged))
    plugged(state_.plug(*stub_));
}

void Broker::unplug_state(Done unplugged) {
  if (!lacks_stub(unplugged))
    state_.unplug(*stub_, task(std::move(unplugged)));
}

void Broker::keep_state(Done kept) { kept(state_.keep()); }

void Broker::finish_restore(Done finished) {
  if (lacks_stub(finished))
    return;
  if (!state_.next().empty())
    context_.status.memory -= plan::video_memory_of(context_.plan);
  state_.finish_restore(*stub_, context_.status.memory, task(std::move(finished)));
}

// --- CD-ROM drives -------------------------------------------------------------------------------

void Broker::insert_medium(Medium medium, std::function<void(Result<std::string> vdev)> plugged) {
  if (!lacks_stub(plugged))
    plugged(drives_.insert(*stub_, medium));
}

void Broker::end_insertion(Insertion how, Done unplugged) {
  if (!lacks_stub(unplugged))
    drives_.end_insertion(how, task(std::move(unplugged)));
}

void Broker::medium_ejected(const std::string &drive, Done unplugged) {
  if (!lacks_stub(unplugged))
    drives_.ejected(*stub_, drive, task(std::move(unplugged)));
}

// --- PCI devices ---------------------------------------------------------------------------------

Result<pci::PciDevices *> Broker::pci() {
  if (!stub_)
    return base::fail("there is no stub domain yet");
  if (!pci_)
    pci_ = TRY(
        pci::PciDevices::open(context_.loop, context_.control, guest_, *stub_, context_.pci_bus));
  return pci_.get();
}

void Broker::attach_pci(const std::string &id, const std::string &address, Done ready) {
  auto devices =
      pci::is_set_aside(context_.xenstore, guest_, address).and_then([this] { return pci(); });
  if (!devices)
    return ready(std::unexpected(std::move(devices).error()));
  (*devices)->attach(id, address, std::move(ready));
}

void Broker::give_back_pci(const std::string &id) {
  if (pci_)
    pci_->give_back(id);
}

void Broker::pci_taken(const std::string &id) {
  if (pci_)
    pci_->taken(id);
}

void Broker::settle_pci(const std::vector<std::string> &listed, Done settled) {
  pci_ ? pci_->settle(listed, std::move(settled)) : settled({});
}

// --- Virtual CPUs --------------------------------------------------------------------------------

void Broker::cpu_plugged(const std::string &device) {
  auto plugged = plan::plug_cpu(context_.plan, device);
  base::log_failure(std::move(plugged).transform_error(base::doing("a CPU was plugged in")));
}

void Broker::cpu_unplugged(const std::string &id) { plan::unplug_cpu(context_.plan, id); }

} // namespace linstub::broker
