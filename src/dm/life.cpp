#include "dm/life.hpp"

namespace linstub::dm {
namespace {

Step end(Life life, Outcome outcome) {
  bool served = life.phase == Phase::serving;
  life.phase = Phase::ending;
  life.outcome = outcome;
  // A guest that has not run yet is libxl's to remove, when the start has failed.
  if (served && outcome == Outcome::failure)
    return {life, {Action::crash_guest, Action::remove_stub_domain}};
  return {life, {Action::remove_stub_domain}};
}

Step serve_if_ready(Life life) {
  if (life.phase != Phase::booting || !life.qemu_runs || !life.monitor_ready)
    return {life, {}};
  life.phase = Phase::serving;
  return {life, {Action::announce}};
}

} // namespace

Step step(Life life, Event event) {
  if (life.phase == Phase::ended)
    return {life, {}};
  if (life.phase == Phase::ending) {
    if (event != Event::removed)
      return {life, {}};
    life.phase = Phase::ended;
    return {life, {Action::finish}};
  }
  switch (event) {
  case Event::created:
    if (life.phase != Phase::creating)
      return {life, {}};
    life.phase = Phase::booting;
    return {life, {Action::follow_stub_domain}};
  case Event::qemu_runs:
    life.qemu_runs = true;
    return serve_if_ready(life);
  case Event::monitor_ready:
    life.monitor_ready = true;
    return serve_if_ready(life);
  case Event::deadline:
    if (life.phase == Phase::serving)
      return {life, {}};
    return end(life, Outcome::failure);
  case Event::creation_failed:
  case Event::stub_failed:
  case Event::stub_gone:
    return end(life, Outcome::failure);
  case Event::guest_gone:
  case Event::end_asked:
    return end(life, Outcome::success);
  case Event::removed:
    break;
  }
  return {life, {}};
}

} // namespace linstub::dm
