// SPDX-License-Identifier: MIT
// What the broker notices in xenstore: the stub domain's words and end, the guest's end and name.
#include "base/log.hpp"
#include "broker/broker.hpp"

#include <unistd.h>

#include <utility>

namespace linstub::broker {
namespace {

using base::Result;

constexpr const char *name_token = "name";
constexpr const char *nodes_token = "nodes";
constexpr uint8_t soft_reset = 5; // SHUTDOWN_soft_reset of Xen's public/sched.h

} // namespace

Result<> Broker::watch_xenstore() {
  TRY(context_.xenstore.watch("@releaseDomain", StubWatch::life_token));
  TRY(context_.xenstore.watch(xen::domain_path(guest_) + "/name", name_token));
  TRY(context_.xenstore.watch(device_model_node(), nodes_token));
  xenstore_watch_ = TRY(
      context_.loop.watch(context_.xenstore.fd(), EPOLLIN, [this](uint32_t) { xenstore_ready(); }));
  return {};
}

void Broker::xenstore_ready() {
  auto events = context_.xenstore.take_events();
  if (!events)
    return listener_.on_stub_failed(events.error().message());
  for (const xen::Xenstore::Event &event : *events) {
    changed_.words = changed_.words || event.token == StubWatch::words_token;
    changed_.domains = changed_.domains || event.token == StubWatch::life_token;
    changed_.name = changed_.name || event.token == name_token;
    changed_.nodes = changed_.nodes || event.token == nodes_token;
    changed_.backends = changed_.backends || event.token == GuestBackends::token;
  }
  looks_.ask();
}

void Broker::look() {
  const auto [words, domains, name, backends, nodes] = std::exchange(changed_, {});
  // What the stub domain has said comes before that it has gone: it may say why.
  if (words || domains) {
    watch_.look();
    succession_.look();
    for (const auto &stub : {stub_, succession_.next()})
      if (stub)
        base::log_failure(calls_.serve(*stub).transform_error(
            base::doing("look at what stub domain {} asks for", *stub)));
    leaving_.look();
    if (auto there = stub_ ? drives_.look() : std::nullopt)
      listener_.on_medium(*there);
  }
  Result<> looked;
  if (domains)
    looked = look_at_guest();
  if (looked && name)
    base::log_failure(look_at_name(), base::LogLevel::warning);
  // What changes while the guest is held, its next stub domain would not know of.
  if (backends && held_)
    changed_.backends = true;
  else if (looked && backends)
    looked = backends_.look();
  if (looked && nodes)
    looked = look_at_device_model_nodes();
  if (!looked)
    listener_.on_stub_failed(looked.error().message());
}

Result<> Broker::look_at_guest() {
  auto guest = TRY(context_.control.info(guest_));
  if (!guest || guest->dying) {
    base::log_info("the guest has gone");
    listener_.on_guest_gone();
    return {};
  }
  TRY(watch_.look_whether_it_lives());
  return succession_.look_whether_it_lives();
}

// It is there from when libxl has been told that the guest is served, and until libxl lets its
// device model end.
std::string Broker::device_model_node() const {
  return base::format("/local/domain/0/device-model/{}/linstub-dm", guest_);
}

// To libxl. Not if the guest has another one by now.
Result<bool> Broker::is_the_device_model() {
  return TRY(context_.xenstore.read_if_there(device_model_node(), 16)) ==
         std::to_string(::getpid());
}

// Nothing: the toolstack does not want the guest's device model to end.
Result<std::optional<End>> Broker::end_by_toolstack() {
  auto guest = TRY(context_.control.info(guest_));
  if (!has_run_ || !guest || guest->dying)
    return End::orderly;
  if (TRY(is_the_device_model()))
    return guest->shutdown ? std::optional(End::orderly) : std::nullopt;
  return guest->shutdown == soft_reset ? End::hand_over : End::orderly;
}

End Broker::why_to_end() {
  auto end = end_by_toolstack();
  base::log_failure(end);
  return end ? end->value_or(End::killed) : End::orderly;
}

// libxl may end a device model by its user, and not by its number (dm_restrict): then no signal
// comes.
Result<> Broker::look_at_device_model_nodes() {
  if (!has_run_ || TRY(is_the_device_model()))
    return {};
  listener_.on_end_asked(why_to_end());
  return {};
}

// After a migration, or xl rename, the guest has another name, and so have its stub domain and its
// status: the next guest of the former name must find neither.
Result<> Broker::look_at_name() {
  constexpr size_t longest = 4096; // libxl has no limit
  auto name = TRY(context_.xenstore.read_if_there(xen::domain_path(guest_) + "/name", longest));
  if (!name || name->empty() || *name == context_.plan.name)
    return {};
  base::log_info("the guest is called {} now", *name);
  run::remove_status(context_.plan.name);
  context_.plan.name = *name;
  context_.status.guest = *name;
  write_status();
  listener_.on_renamed(*name);
  if (!stub_)
    return {};
  stubdom_.rename(*stub_, *name + "-dm", task([](const Result<> &renamed) {
    if (!renamed)
      base::log_warning("rename the stub domain: {}", renamed.error().message());
  }));
  return {};
}

} // namespace linstub::broker
