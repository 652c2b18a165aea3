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
  return tell(std::move(next), XenbusState::closed);
}

// As libxl asks for it, and xl block-detach by that (libxl__initiate_device_generic_remove).
bool asks_to_close(const BackendPair::Libxl &libxl) {
  return !libxl.online && libxl.state == XenbusState::closing;
}

MirrorStep serve(MirrorStep next, const BackendPair &pair) {
  if (asks_to_close(*pair.libxl)) {
    next.mirror.told = XenbusState::closing;
    if (!pair.stub)
      return closed(std::move(next));
    if (!pair.stub->opened) {
      next.take_away = true;
      return closed(std::move(next));
    }
    next.close = true;
    next.mirror.phase = Phase::closing;
    return next;
  }
  if (!pair.stub)
    return tell(std::move(next), XenbusState::closed);
  if (pair.stub->state == XenbusState::unknown)
    return next;
  return tell(std::move(next), pair.stub->state);
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
    return asks_to_close(*pair.libxl) ? closed(std::move(next)) : next;
  case Phase::serving:
    return serve(std::move(next), pair);
  case Phase::closing:
    if (!pair.stub || pair.stub->state == XenbusState::closed)
      return closed(std::move(next));
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
