// SPDX-License-Identifier: MIT
#include "broker/backend_mirror.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace linstub::broker {
namespace {

using xen::XenbusState;
using Phase = Mirror::Phase;
using Libxl = BackendPair::Libxl;
using Stub = BackendPair::Stub;

constexpr Libxl fresh{.state = XenbusState::initialising, .online = true};
constexpr Libxl asking{.state = XenbusState::closing, .online = false};

constexpr Mirror serving(XenbusState told = XenbusState::initialising) {
  return {.phase = Phase::serving, .told = told};
}

Stub opened(XenbusState state) { return {.state = state, .opened = true}; }

TEST(BackendMirror, LibxlSeesTheStatesOfTheStubDomainAsTheyChange) {
  Mirror mirror = serving();
  Libxl libxl = fresh;
  for (const XenbusState state :
       {XenbusState::init_wait, XenbusState::connected, XenbusState::closing, XenbusState::closed,
        XenbusState::init_wait}) {
    const MirrorStep next = step(mirror, {.libxl = libxl, .stub = opened(state)});
    EXPECT_EQ(next.tell, state);
    EXPECT_FALSE(next.close || next.take_away || next.gone);
    mirror = next.mirror;
    libxl.state = state;
    EXPECT_EQ(step(mirror, {.libxl = libxl, .stub = opened(state)}).tell, std::nullopt) << "once";
  }
  EXPECT_EQ(mirror.phase, Phase::serving);
}

TEST(BackendMirror, WhatIsNoStateIsNotTold) {
  EXPECT_EQ(step(serving(), {.libxl = fresh, .stub = opened(XenbusState::unknown)}).tell,
            std::nullopt);
}

TEST(BackendMirror, ABackendThatTheStubDomainHasRemovedIsClosed) {
  EXPECT_EQ(step(serving(), {.libxl = fresh, .stub = std::nullopt}).tell, XenbusState::closed);
}

TEST(BackendMirror, ADetachIsCarriedOverAndIsDoneWhenTheStubDomainSaysSo) {
  const Mirror connected = serving(XenbusState::connected);
  MirrorStep next = step(connected, {.libxl = asking, .stub = opened(XenbusState::connected)});
  EXPECT_TRUE(next.close);
  EXPECT_EQ(next.tell, std::nullopt);
  for (const XenbusState state :
       {XenbusState::closing, XenbusState::connected, XenbusState::unknown}) {
    next = step(next.mirror, {.libxl = asking, .stub = opened(state)});
    EXPECT_EQ(next.tell, std::nullopt) << "libxl's own word stands";
    EXPECT_FALSE(next.close) << "once";
  }
  const MirrorStep closed =
      step(next.mirror, {.libxl = asking, .stub = opened(XenbusState::closed)});
  EXPECT_EQ(closed.tell, XenbusState::closed);
  const MirrorStep removed = step(next.mirror, {.libxl = asking, .stub = std::nullopt});
  EXPECT_EQ(removed.tell, XenbusState::closed);
  EXPECT_TRUE(step(removed.mirror, {.libxl = std::nullopt, .stub = std::nullopt}).gone);
}

TEST(BackendMirror, WhatQemuHasNotOpenedIsTakenAwayWithoutIt) {
  const MirrorStep next =
      step(serving(), {.libxl = asking, .stub = Stub{.state = XenbusState::initialising}});
  EXPECT_TRUE(next.take_away);
  EXPECT_FALSE(next.close);
  EXPECT_EQ(next.tell, XenbusState::closed);
}

TEST(BackendMirror, LibxlMayTakeADeviceAwayAtAnyTime) {
  for (const Phase phase : {Phase::unserved, Phase::serving, Phase::closing, Phase::closed}) {
    const MirrorStep next =
        step({.phase = phase}, {.libxl = std::nullopt, .stub = opened(XenbusState::connected)});
    EXPECT_TRUE(next.gone);
    EXPECT_TRUE(next.take_away);
  }
}

TEST(BackendMirror, OneThatNobodyServesIsLeftAloneUntilItIsDetached) {
  const MirrorStep next = step({}, {.libxl = fresh, .stub = std::nullopt});
  EXPECT_EQ(next.tell, std::nullopt);
  EXPECT_EQ(step(next.mirror, {.libxl = asking, .stub = std::nullopt}).tell, XenbusState::closed);
}

TEST(BackendMirror, ADeviceInThePlaceOfOneThatIsClosedIsAnotherOne) {
  const Mirror closed{.phase = Phase::closed, .told = XenbusState::closed};
  EXPECT_TRUE(step(closed, {.libxl = fresh, .stub = std::nullopt}).gone);
  EXPECT_FALSE(step(closed, {.libxl = Libxl{.state = XenbusState::closed, .online = false},
                             .stub = std::nullopt})
                   .gone);
}

// Whatever a stub domain says, dom0 writes nothing but a state, and begins nothing by itself.
TEST(BackendMirror, NoWordOfTheStubDomainDoesMoreThanTellAState) {
  for (const Phase phase : {Phase::unserved, Phase::serving, Phase::closing, Phase::closed}) {
    for (int state = 0; state <= 8; state++) {
      for (const bool open : {false, true}) {
        const MirrorStep next =
            step({.phase = phase, .told = XenbusState::connected},
                 {.libxl = Libxl{.state = XenbusState::connected, .online = true},
                  .stub = Stub{.state = static_cast<XenbusState>(state), .opened = open}});
        EXPECT_FALSE(next.close || next.take_away || next.gone);
      }
    }
  }
}

} // namespace
} // namespace linstub::broker
