// SPDX-License-Identifier: MIT
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "xen/departure.hpp"

#include <gtest/gtest.h>

namespace linstub::xen {
namespace {

class Departure : public ::testing::Test {
protected:
  Departure() {
    store.write("/local/domain/6/name", "guest-dm");
    for (const char *device : {"vbd/51712", "vif/0"}) {
      std::string frontend = base::format("/local/domain/6/device/{}", device);
      store.write(base::format("/libxl/6/device/{}/frontend", device), frontend);
      store.write(base::format("/libxl/6/device/{}/backend", device), backend(device));
      store.write(backend(device) + "/online", "1");
      store.write(frontend + "/state", "4");
    }
    xen.domains[6] = {};
  }
  static std::string backend(std::string_view device) {
    return base::format("/local/domain/0/backend/{}", device);
  }
  // As libxl begins: in one transaction.
  void libxl_removes(const std::string &device) {
    store.remove("/local/domain/6/device/" + device);
    store.write(backend(device) + "/online", "0");
  }
  bool going() { return is_being_destroyed(stub, control, client).value(); }

  fake::Xenstore store;
  fake::Xen xen;
  Control control = Control::open().value();
  Xenstore client = Xenstore::connect().value();
  DomId stub{6};
};

TEST_F(Departure, IsNotOfADomainThatRunsOrIsOnlyPaused) {
  EXPECT_FALSE(going());
  xen.domains[6].pauses = 1;
  EXPECT_FALSE(going());
}

TEST_F(Departure, IsNotOfADomainThatRunsAndLosesADevice) {
  libxl_removes("vif/0");
  EXPECT_FALSE(going());
}

TEST_F(Departure, IsOfAPausedDomainThatLosesADevice) {
  xen.domains[6].pauses = 1;
  libxl_removes("vif/0");
  EXPECT_TRUE(going());
  store.remove(backend("vif/0"));
  EXPECT_TRUE(going());
}

// It may remove what is its own, its linstub-dm may pause it: so dom0 would wait for nothing.
TEST_F(Departure, IsNotOfAPausedDomainThatHasRemovedItsOwnNodes) {
  xen.domains[6].pauses = 1;
  store.remove("/local/domain/6/device/vif/0");
  store.remove("/local/domain/6/device/vbd/51712");
  EXPECT_FALSE(going());
}

TEST_F(Departure, IsNotWhatAnUnplugLooksLike) {
  xen.domains[6].pauses = 1;
  store.remove("/local/domain/6/device/vbd/51712");
  store.remove("/libxl/6/device/vbd/51712");
  EXPECT_FALSE(going());
}

TEST_F(Departure, IsOfAPausedDomainWithoutNodes) {
  xen.domains[6].pauses = 1;
  store.remove("/local/domain/6");
  store.remove("/libxl/6");
  EXPECT_TRUE(going());
}

TEST_F(Departure, IsOfADomainThatDiesOrIsDead) {
  xen.domains[6].dying = true;
  EXPECT_TRUE(going());
  xen.domains.clear();
  EXPECT_TRUE(going());
}

TEST_F(Departure, IsNotGuessedWhenXenDoesNotAnswer) {
  xen.fail("info", EPERM);
  EXPECT_FALSE(is_being_destroyed(stub, control, client));
  xen.domains[6].pauses = 1;
  store.fail(fake::Request::list, "/libxl/6/device", EACCES);
  EXPECT_FALSE(is_being_destroyed(stub, control, client));
}

TEST_F(Departure, IsWaitedForUntilTheDeadlineAtMost) {
  base::Deadline late = base::Deadline::after(base::Milliseconds(20'000));
  ASSERT_TRUE(await_destruction(stub, control, client, late)); // it is not going
  xen.domains[6].pauses = 1;
  libxl_removes("vif/0");
  ASSERT_TRUE(
      await_destruction(stub, control, client, base::Deadline::after(base::Milliseconds(1))));
  xen.domains[6].dying = true;
  ASSERT_TRUE(await_destruction(stub, control, client, late));
  EXPECT_FALSE(late.passed());
}

} // namespace
} // namespace linstub::xen
