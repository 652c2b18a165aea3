// SPDX-License-Identifier: MIT
#include "pci/pci_backend.hpp"
#include "pci/pci_change.hpp"
#include "xen/xenbus.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace linstub::pci {
namespace {

using xen::XenbusState;

std::vector<XenbusState> all_states() {
  std::vector<XenbusState> all;
  for (uint8_t state = 0; state <= std::to_underlying(xen::last_xenbus_state); state++)
    all.push_back(XenbusState{state});
  return all;
}

constexpr PciFacts connected{.held = false,
                             .taken = true,
                             .backend = XenbusState::connected,
                             .frontend = XenbusState::connected,
                             .listed = true,
                             .late = false};

PciFacts with(PciFacts facts, auto change) {
  change(facts);
  return facts;
}

TEST(PciChange, WaitsForADeviceThatSomebodyHolds) {
  EXPECT_EQ(next(PciStage::waiting, {.held = true}), PciNext::wait);
  EXPECT_EQ(next(PciStage::waiting, {.held = false}), PciNext::connect);
  EXPECT_EQ(next(PciStage::waiting, {.held = true, .late = true}), PciNext::in_use);
}

TEST(PciChange, WaitsUntilPcifrontIsIdle) {
  for (XenbusState backend : all_states()) {
    for (XenbusState frontend : all_states()) {
      PciFacts facts{.backend = backend, .frontend = frontend};
      PciFacts late = with(facts, [](auto &f) { f.late = true; });
      bool closed = backend == XenbusState::closing || backend == XenbusState::closed ||
                    frontend == XenbusState::closing || frontend == XenbusState::closed;
      bool idle = backend == XenbusState::unknown ||
                  (backend == XenbusState::connected && frontend == XenbusState::connected);
      PciNext wanted = closed ? PciNext::refused : idle ? PciNext::connect : PciNext::wait;
      EXPECT_EQ(next(PciStage::waiting, facts), wanted) << text(backend) << ' ' << text(frontend);
      EXPECT_EQ(next(PciStage::waiting, late),
                wanted == PciNext::wait ? PciNext::timed_out : wanted)
          << text(backend) << ' ' << text(frontend);
    }
  }
}

TEST(PciChange, IsAttachedOnlyWhenBothEndsAndLinstubInitAndXenPcibackSaySo) {
  EXPECT_EQ(next(PciStage::connecting, connected), PciNext::attached);
  EXPECT_EQ(next(PciStage::connecting, with(connected, [](auto &f) { f.listed = false; })),
            PciNext::wait);
  EXPECT_EQ(next(PciStage::connecting, with(connected, [](auto &f) { f.taken = false; })),
            PciNext::wait);
  for (XenbusState state :
       {XenbusState::unknown, XenbusState::initialising, XenbusState::init_wait,
        XenbusState::initialised, XenbusState::reconfiguring, XenbusState::reconfigured}) {
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.backend = state; })),
              PciNext::wait)
        << text(state);
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.frontend = state; })),
              PciNext::wait)
        << text(state);
  }
}

TEST(PciChange, FailsAtOnceWhenAnEndCloses) {
  for (XenbusState state : {XenbusState::closing, XenbusState::closed}) {
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.backend = state; })),
              PciNext::refused);
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.frontend = state; })),
              PciNext::refused);
  }
}

// What is removed while xen-pciback writes to it comes back, and the device stays where it is.
TEST(PciChange, LetsXenPcibackFinishBeforeAFailedAttachIsUndone) {
  for (XenbusState backend :
       {XenbusState::initialising, XenbusState::init_wait, XenbusState::reconfiguring}) {
    PciFacts facts{.backend = backend, .frontend = XenbusState::closed};
    EXPECT_EQ(next(PciStage::connecting, facts), PciNext::wait) << text(backend);
    facts.late = true;
    EXPECT_EQ(next(PciStage::connecting, facts), PciNext::timed_out) << text(backend);
  }
  EXPECT_EQ(next(PciStage::connecting,
                 {.backend = XenbusState::reconfigured, .frontend = XenbusState::closed}),
            PciNext::refused);
}

TEST(PciChange, DoesNotWaitForEver) {
  for (PciStage stage : {PciStage::waiting, PciStage::connecting, PciStage::leaving})
    for (XenbusState backend : all_states())
      for (bool held : {false, true})
        EXPECT_NE(next(stage, {.held = held, .backend = backend, .late = true}), PciNext::wait);
}

TEST(PciChange, IsDetachedWhenPcibackHasLetGo) {
  EXPECT_EQ(next(PciStage::leaving, connected), PciNext::detached);
  EXPECT_EQ(next(PciStage::leaving, with(connected, [](auto &f) { f.held = true; })),
            PciNext::wait);
  EXPECT_EQ(next(PciStage::leaving,
                 with(connected, [](auto &f) { f.backend = XenbusState::reconfiguring; })),
            PciNext::wait);
  EXPECT_EQ(
      next(PciStage::leaving, with(connected, [](auto &f) { f.backend = XenbusState::closed; })),
      PciNext::stuck);
}

TEST(PciChange, ListensToNothingThatTheStubDomainSaysWhenADeviceLeaves) {
  for (XenbusState frontend : all_states())
    for (bool listed : {false, true})
      EXPECT_EQ(next(PciStage::leaving, {.held = true,
                                         .backend = XenbusState::reconfiguring,
                                         .frontend = frontend,
                                         .listed = listed}),
                PciNext::wait);
}

} // namespace
} // namespace linstub::pci
