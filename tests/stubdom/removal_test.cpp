// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "fake/loop_device.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"
#include "stubdom/removal.hpp"

#include <gmock/gmock.h>

namespace linstub::stubdom {
namespace {

using base::Milliseconds;
using base::Result;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr RemovalTimes short_times{
    .first = Milliseconds(1000), .second = Milliseconds(500), .last = Milliseconds(10)};

class Removal : public ::testing::Test {
protected:
  Removal() {
    fake::loops().clear();
    EXPECT_TRUE(run::make_directory());
    const std::string image = std::string(run::directory()) + "/image";
    EXPECT_TRUE(base::replace_file(image, "an image"));
    loop = disk::make_loop(image, disk::LoopAccess::read_write).value();
    xen.domains[0] = {};
    xen.domains[5] = {};
    xen.domains[7] = {};
    store.write("/local/domain/7/vm", "/vm/some-uuid");
    store.write("/vm/some-uuid/name", "guest-dm");
    store.write("/libxl/7/type", "pv");
    store.write("/local/domain/0/backend/vbd/7/51712/node", loop);
    store.write("/local/domain/0/backend/vbd/7/51728/params", "/dev/sdx"); // not ours to remove
    store.write("/local/domain/0/backend/vif/7/0/state", "4");
    store.write("/local/domain/0/backend/vbd/5/768/node", "/dev/loop9"); // the guest's
    belongings = Belongings::of(stub, client).value();
  }

  // libxl as it does what it should.
  void libxl_succeeds() {
    store.remove("/local/domain/0/backend/vbd/7");
    store.remove("/local/domain/0/backend/vif/7");
    store.remove("/local/domain/7");
    store.remove("/libxl/7");
    store.remove("/vm/some-uuid");
    EXPECT_TRUE(disk::remove_loop(loop));
    xen.domains.erase(7);
  }
  Result<> remove(const DestroyByLibxl &destroy) {
    return remove_domain(stub, belongings, control, client, destroy, short_times);
  }
  void nothing_is_left() {
    EXPECT_FALSE(xen.domains.contains(7));
    EXPECT_THAT(fake::loops(), IsEmpty());
    for (const char *path : {"/local/domain/7", "/libxl/7", "/vm/some-uuid",
                             "/local/domain/0/backend/vbd/7", "/local/domain/0/backend/vif/7"})
      EXPECT_EQ(store.read(path), std::nullopt) << path;
    EXPECT_EQ(store.read("/local/domain/0/backend/vbd/5/768/node"), "/dev/loop9");
    EXPECT_TRUE(xen.domains.contains(5));
  }

  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore client = xen::Xenstore::connect().value();
  xen::DomId stub{7};
  std::string loop;
  Belongings belongings;
};

TEST_F(Removal, IsLibxlsIfThatSucceeds) {
  int asked = 0;
  ASSERT_TRUE(remove([&](xen::DomId domid, base::Deadline) -> Result<> {
    asked++;
    EXPECT_EQ(domid, stub);
    EXPECT_EQ(xen.domains[7].pauses, 1U) << "it could do something meanwhile";
    libxl_succeeds();
    return {};
  }));
  EXPECT_EQ(asked, 1);
  EXPECT_THAT(xen.calls, ElementsAre("pause 7"));
  nothing_is_left();
}

TEST_F(Removal, AsksLibxlOnceMore) {
  std::vector<Milliseconds> times;
  ASSERT_TRUE(remove([&](xen::DomId, base::Deadline deadline) -> Result<> {
    times.push_back(deadline.left());
    if (times.size() == 1)
      return base::fail("it has not ended in time");
    libxl_succeeds();
    return {};
  }));
  ASSERT_THAT(times, SizeIs(2));
  EXPECT_LE(times[0], short_times.first);
  EXPECT_LE(times[1], short_times.second);
  nothing_is_left();
}

// A frontend that deletes its nodes and answers nothing, a backend that does not close, a script
// that hangs: libxl gives up, and has or has not removed what it knows the domain by.
TEST_F(Removal, IsXensInTheEnd) {
  for (bool nodes_are_gone : {false, true}) {
    SCOPED_TRACE(nodes_are_gone);
    xen.domains[7] = {};
    int asked = 0;
    auto removed = remove([&](xen::DomId, base::Deadline) -> Result<> {
      asked++;
      if (nodes_are_gone) {
        store.remove("/local/domain/7");
        store.remove("/libxl/7");
      }
      return base::fail("libxl error -3");
    });
    ASSERT_TRUE(removed) << removed.error().message();
    EXPECT_EQ(asked, 2);
    nothing_is_left();
  }
}

// Its word is not taken for it.
TEST_F(Removal, IsXensIfLibxlOnlySaysThatItIsDone) {
  ASSERT_TRUE(remove([](xen::DomId, base::Deadline) -> Result<> { return {}; }));
  nothing_is_left();
}

TEST_F(Removal, IsTriedUntilItsTimeIsOverAndThenAnError) {
  xen.domains[7].destructions_survived = 1000;
  auto removed = remove([](xen::DomId, base::Deadline) -> Result<> { return base::fail("no"); });
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().message(), HasSubstr("domain 7 lives on"));
  xen.domains[7].destructions_survived = 0;
  EXPECT_TRUE(remove([](xen::DomId, base::Deadline) -> Result<> { return base::fail("no"); }));
  nothing_is_left();
}

// libxl runs no script for a backend that has not closed, and removes its nodes nevertheless.
TEST_F(Removal, TakesTheLoopDevicesThatLibxlHasLeft) {
  ASSERT_TRUE(remove([&](xen::DomId, base::Deadline) -> Result<> {
    store.remove("/local/domain/0/backend/vbd/7");
    xen.domains.erase(7);
    return {};
  }));
  EXPECT_THAT(fake::loops(), IsEmpty());
}

TEST_F(Removal, LeavesALoopDeviceThatIsSomebodyElsesNow) {
  ASSERT_TRUE(remove([&](xen::DomId, base::Deadline) -> Result<> {
    libxl_succeeds();
    fake::loops().push_back({.device = loop, .file = "/other", .use = 1'000'000});
    return {};
  }));
  EXPECT_THAT(fake::loops(), SizeIs(1));
}

TEST_F(Removal, OfADomainWhoseMemoryIsMappedIsDone) {
  ASSERT_TRUE(remove([&](xen::DomId, base::Deadline) -> Result<> {
    xen.domains[7].dying = true;
    return {};
  }));
  EXPECT_EQ(store.read("/local/domain/0/backend/vif/7"), std::nullopt);
}

TEST_F(Removal, OfADomainThatIsGoneAsksNobody) {
  xen.domains.erase(7);
  ASSERT_TRUE(remove([](xen::DomId, base::Deadline) -> Result<> {
    ADD_FAILURE();
    return {};
  }));
  EXPECT_THAT(fake::loops(), IsEmpty());
}

TEST_F(Removal, DoesNotTakeAnythingForGoneWhenXenDoesNotAnswer) {
  xen.fail("info", EPERM);
  EXPECT_FALSE(remove([](xen::DomId, base::Deadline) -> Result<> { return {}; }));
  EXPECT_TRUE(xen.domains.contains(7));
}

} // namespace
} // namespace linstub::stubdom
