// SPDX-License-Identifier: MIT
#include "broker/backend_mirror.hpp"

namespace linstub::broker {
namespace {

using xen::XenbusState;
using Phase = Mirror::Phase;

MirrorStep tell(MirrorStep next, XenbusState state) {
  if (next.mirror.told != state)
    next.tell = state;
  next.mirror.told = state;
  return next;
}

MirrorStep closed(MirrorStep next) {
  next.mirror.phase = Phase::closed;
  return tell(next, XenbusState::closed);
}

// As libxl asks for it, and xl block-detach by that (libxl__initiate_device_generic_remove).
bool asks_to_close(const BackendPair::Libxl &libxl) {
  return !libxl.online && libxl.state == XenbusState::closing;
}

MirrorStep serve(MirrorStep next, const BackendPair &pair) {
  if (asks_to_close(*pair.libxl)) {
    next.mirror.told = XenbusState::closing;
    if (!pair.stub)
      return closed(next);
    if (!pair.stub->opened) {
      next.take_away = true;
      return closed(next);
    }
    next.close = true;
    next.mirror.phase = Phase::closing;
    return next;
  }
  if (!pair.stub)
    return tell(next, XenbusState::closed);
  if (pair.stub->state == XenbusState::unknown)
    return next;
  return tell(next, pair.stub->state);
}

} // namespace

MirrorStep step(Mirror mirror, const BackendPair &pair) {
  MirrorStep next{.mirror = mirror, .tell = std::nullopt};
  if (!pair.libxl) {
    next.gone = true;
    next.take_away = pair.stub.has_value();
    return next;
  }
  switch (mirror.phase) {
  case Phase::unserved:
    return asks_to_close(*pair.libxl) ? closed(next) : next;
  case Phase::serving:
    return serve(next, pair);
  case Phase::closing:
    if (!pair.stub || pair.stub->state == XenbusState::closed)
      return closed(next);
    return next;
  case Phase::closed:
    // Another one in its place, faster than anybody looked.
    next.gone = pair.libxl->online && pair.libxl->state == XenbusState::initialising;
    next.take_away = next.gone && pair.stub;
    return next;
  }
  return next;
}

} // namespace linstub::broker
