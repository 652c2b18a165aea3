#include "pci/pci_backend.hpp"
#include "pci/pci_change.hpp"
#include "xen/xenbus.hpp"

#include <gtest/gtest.h>

namespace linstub::pci {
namespace {

constexpr PciFacts connected{.held = false,
                             .taken = true,
                             .backend = xen::xenbus_connected,
                             .frontend = xen::xenbus_connected,
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
  for (unsigned backend = 0; backend <= 8; backend++) {
    for (unsigned frontend = 0; frontend <= 8; frontend++) {
      PciFacts facts{.backend = backend, .frontend = frontend};
      PciFacts late = with(facts, [](auto &f) { f.late = true; });
      bool closed = backend == xen::xenbus_closing || backend == xen::xenbus_closed ||
                    frontend == xen::xenbus_closing || frontend == xen::xenbus_closed;
      bool idle =
          backend == 0 || (backend == xen::xenbus_connected && frontend == xen::xenbus_connected);
      PciNext wanted = closed ? PciNext::refused : idle ? PciNext::connect : PciNext::wait;
      EXPECT_EQ(next(PciStage::waiting, facts), wanted) << backend << ' ' << frontend;
      EXPECT_EQ(next(PciStage::waiting, late),
                wanted == PciNext::wait ? PciNext::timed_out : wanted)
          << backend << ' ' << frontend;
    }
  }
}

TEST(PciChange, IsAttachedOnlyWhenBothEndsAndLinstubInitAndXenPcibackSaySo) {
  EXPECT_EQ(next(PciStage::connecting, connected), PciNext::attached);
  EXPECT_EQ(next(PciStage::connecting, with(connected, [](auto &f) { f.listed = false; })),
            PciNext::wait);
  EXPECT_EQ(next(PciStage::connecting, with(connected, [](auto &f) { f.taken = false; })),
            PciNext::wait);
  for (unsigned state : {0U, 1U, 2U, 3U, 7U, 8U}) {
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.backend = state; })),
              PciNext::wait)
        << state;
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.frontend = state; })),
              PciNext::wait)
        << state;
  }
}

TEST(PciChange, FailsAtOnceWhenAnEndCloses) {
  for (unsigned state : {xen::xenbus_closing, xen::xenbus_closed}) {
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.backend = state; })),
              PciNext::refused);
    EXPECT_EQ(next(PciStage::connecting, with(connected, [&](auto &f) { f.frontend = state; })),
              PciNext::refused);
  }
}

// What is removed while xen-pciback writes to it comes back, and the device stays where it is.
TEST(PciChange, LetsXenPcibackFinishBeforeAFailedAttachIsUndone) {
  for (unsigned backend : {xen::xenbus_new, xen::xenbus_waiting, xen::xenbus_reconfiguring}) {
    PciFacts facts{.backend = backend, .frontend = xen::xenbus_closed};
    EXPECT_EQ(next(PciStage::connecting, facts), PciNext::wait) << backend;
    facts.late = true;
    EXPECT_EQ(next(PciStage::connecting, facts), PciNext::timed_out) << backend;
  }
  EXPECT_EQ(next(PciStage::connecting, {.backend = 8, .frontend = xen::xenbus_closed}),
            PciNext::refused);
}

TEST(PciChange, DoesNotWaitForEver) {
  for (PciStage stage : {PciStage::waiting, PciStage::connecting, PciStage::leaving})
    for (unsigned backend = 0; backend <= 8; backend++)
      for (bool held : {false, true})
        EXPECT_NE(next(stage, {.held = held, .backend = backend, .late = true}), PciNext::wait);
}

TEST(PciChange, IsDetachedWhenPcibackHasLetGo) {
  EXPECT_EQ(next(PciStage::leaving, connected), PciNext::detached);
  EXPECT_EQ(next(PciStage::leaving, with(connected, [](auto &f) { f.held = true; })),
            PciNext::wait);
  EXPECT_EQ(next(PciStage::leaving, with(connected, [](auto &f) { f.backend = 7; })),
            PciNext::wait);
  EXPECT_EQ(
      next(PciStage::leaving, with(connected, [](auto &f) { f.backend = xen::xenbus_closed; })),
      PciNext::stuck);
}

TEST(PciChange, ListensToNothingThatTheStubDomainSaysWhenADeviceLeaves) {
  for (unsigned frontend = 0; frontend <= 8; frontend++)
    for (bool listed : {false, true})
      EXPECT_EQ(next(PciStage::leaving,
                     {.held = true, .backend = 7, .frontend = frontend, .listed = listed}),
                PciNext::wait);
}

} // namespace
} // namespace linstub::pci
