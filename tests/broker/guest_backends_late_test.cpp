// SPDX-License-Identifier: MIT
// Disks that a running guest gets.
#include "broker/guest_backends_fixture.hpp"
#include "fake/turns.hpp"

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LateDiskTest : public GuestBackendsTest {
protected:
  void SetUp() override { start_with_disk(); }
  void attach() {
    add_disk(image("b"), "51728", "xvdb");
    look();
  }
  // The stub domain says that it has the disk of that name.
  void stub_has(const std::string &disks) {
    store.write("/local/domain/6/data/linstub/disks", disks);
  }
  bool shown_within(base::Milliseconds limit) {
    const auto deadline = base::Deadline::after(limit);
    while (text(front + "/backend-id") != "6" && !deadline.passed())
      EXPECT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(50))));
    return text(front + "/backend-id") == "6";
  }

  const std::string node = "/local/domain/0/backend/qdisk/5/51728";
  const std::string in_stub = "/local/domain/6/backend/qdisk/5/51728";
  const std::string front = "/local/domain/5/device/vbd/51728";
};

TEST_F(LateDiskTest, IsHiddenFromTheGuestUntilTheStubDomainServesIt) {
  attach();
  ASSERT_THAT(plugged, SizeIs(1));
  EXPECT_EQ(plugged.front().path, directory / "b");
  EXPECT_EQ(plugged.front().vdev, "xvdb");
  EXPECT_EQ(text(front + "/state"), "none");
  EXPECT_FALSE(backends.can_be_replaced());
  EXPECT_FALSE(shown_within(base::Milliseconds(1'300))) << "the stub domain has not got it yet";
  stub_has("xvda xvdb");
  ASSERT_TRUE(shown_within(base::Milliseconds(3'000)));
  EXPECT_EQ(text(in_stub + "/params"), "raw:/dev/xvdb");
  EXPECT_EQ(text(in_stub + "/online"), "1");
  EXPECT_EQ(store.permissions(in_stub), "n6 r5");
  EXPECT_EQ(text(front + "/backend"), in_stub);
  EXPECT_EQ(text(front + "/state"), "1");
  EXPECT_EQ(text(front + "/virtual-device"), "51728");
  EXPECT_EQ(text(front + "/device-type"), "disk");
  EXPECT_EQ(store.permissions(front), "n5 r6");
  EXPECT_THAT(plan.pv_disks, SizeIs(1)) << "the next stub domain has it";
  store.write(in_stub + "/state", "4");
  look();
  EXPECT_EQ(text(node + "/state"), "4") << "as libxl sees it";
}

TEST_F(LateDiskTest, IsTakenOutOfTheStubDomainWhenItIsDetached) {
  const uint32_t served = plan.pv_served;
  attach();
  EXPECT_GT(plan.pv_served, served);
  libxl_asks_to_close(node);
  EXPECT_EQ(text(node + "/state"), "6");
  store.remove(node);
  look();
  EXPECT_THAT(unplugged, ElementsAre("xvdb"));
  done({});
  EXPECT_THAT(plan.pv_disks, IsEmpty());
  EXPECT_EQ(plan.pv_served, served) << "a next stub domain needs no memory for it";
  stub_has("xvda xvdb");
  EXPECT_FALSE(shown_within(base::Milliseconds(1'500)));
}

// Whatever that says: it could write to what `xl` says that it has no more.
TEST_F(LateDiskTest, IsTakenOutOfAStubDomainThatSaysItHasNotOpenedIt) {
  attach();
  stub_has("xvda xvdb");
  ASSERT_TRUE(shown_within(base::Milliseconds(3'000)));
  store.write(in_stub + "/online", "0");
  look();
  libxl_asks_to_close(node);
  store.remove(node);
  look();
  EXPECT_THAT(unplugged, ElementsAre("xvdb"));
}

TEST_F(LateDiskTest, IsRefusedWithAReason) {
  plug_fails = "somebody has it";
  attach();
  EXPECT_EQ(text(node + "/state"), "6");
  EXPECT_THAT(text(node + "/hotplug-error"), HasSubstr("disk xvdb: somebody has it"));
  EXPECT_EQ(text(front + "/state"), "1") << "libxl's stays";
  store.remove(node);
  look();
  plug_fails.clear();
  store.write(front + "/state", "1");
  attach();
  EXPECT_EQ(text(node + "/state"), "1") << "each time anew";
}

// What `xl block-detach` and `xl block-attach` of one image do, one right after the other.
class SameImageAgain : public LateDiskTest {
protected:
  void SetUp() override {
    LateDiskTest::SetUp();
    leaving = true;
    plug_fails = "somebody has it";
    plug_code = EBUSY;
    attach();
  }
  void serve(base::Milliseconds time) { EXPECT_TRUE(loop->run_until(base::Deadline::after(time))); }
};

TEST_F(SameImageAgain, IsWaitedForWhileADiskIsOnItsWayOut) {
  EXPECT_EQ(text(node + "/state"), "1");
  EXPECT_EQ(text(node + "/hotplug-error"), "none");
  EXPECT_EQ(text(front + "/state"), "1") << "libxl's stays";
  EXPECT_FALSE(backends.can_be_replaced());
  serve(base::Milliseconds(500));
  EXPECT_EQ(text(node + "/state"), "1");
  leaving = false;
  plug_fails.clear();
  fake::serve_until(*loop, [this] { return !plugged.empty(); });
  EXPECT_EQ(plugged.front().path, directory / "b");
  stub_has("xvda xvdb");
  ASSERT_TRUE(shown_within(base::Milliseconds(5'000)));
  EXPECT_EQ(text(front + "/backend-id"), "6");
}

TEST_F(SameImageAgain, IsRefusedIfSomebodyElseHasIt) {
  leaving = false;
  fake::serve_until(*loop, [this] { return text(node + "/state") == "6"; });
  EXPECT_THAT(text(node + "/hotplug-error"), HasSubstr("disk xvdb: somebody has it"));
  EXPECT_TRUE(backends.can_be_replaced());
}

TEST_F(SameImageAgain, IsNotWaitedForWhenLibxlHasTakenItAway) {
  store.remove(node);
  look();
  EXPECT_TRUE(backends.can_be_replaced());
  plug_fails.clear();
  serve(base::Milliseconds(500));
  EXPECT_THAT(plugged, IsEmpty());
}

TEST_F(SameImageAgain, IsNotWaitedForWhenTheStubDomainIsGone) {
  backends.forget();
  plug_fails.clear();
  serve(base::Milliseconds(500));
  EXPECT_THAT(plugged, IsEmpty());
}

TEST_F(LateDiskTest, HasAnotherNameInTheStubDomainThanTheOneThatHasJustLeft) {
  attach();
  store.remove(node);
  look();
  ASSERT_THAT(unplugged, ElementsAre("xvdb"));
  done({});
  attach();
  ASSERT_THAT(plugged, SizeIs(2));
  EXPECT_EQ(plugged.back().vdev, "xvdc");
}

// Whether its backend is trusted, as libxl has said it to the guest's driver.
TEST_F(LateDiskTest, IsShownWithTheWordThatLibxlHasWritten) {
  struct Case {
    const char *written;
    const char *shown;
  };
  for (const auto &[written, shown] : {Case{"0", "0"}, Case{"1", "1"}, Case{"yes", "0"},
                                       Case{"a word that is far too long", "0"}}) {
    store.write(front + "/trusted", written);
    attach();
    stub_has("xvda " + plugged.back().vdev);
    ASSERT_TRUE(shown_within(base::Milliseconds(5'000)));
    EXPECT_EQ(text(front + "/trusted"), shown);
    store.remove(node);
    store.remove(front);
    look();
    done({});
  }
}

TEST_F(LateDiskTest, IsShownWithoutAWordThatLibxlHasNotWritten) {
  attach();
  stub_has("xvda xvdb");
  ASSERT_TRUE(shown_within(base::Milliseconds(5'000)));
  EXPECT_EQ(text(front + "/trusted"), "none");
}

TEST_F(LateDiskTest, IsRefusedIfADriverKnowsItAlready) {
  add_disk(image("b"), "51728", "xvdb");
  store.write(front + "/state", "3");
  look();
  EXPECT_THAT(text(node + "/hotplug-error"), HasSubstr("a driver of the guest has it"));
  EXPECT_THAT(plugged, IsEmpty());
}

TEST_F(LateDiskTest, AnotherDeviceForARunningGuestIsRefused) {
  add_device("vkbd", "vkbd", "0", {});
  look();
  EXPECT_EQ(text("/local/domain/0/backend/vkbd/5/0/state"), "6");
}

// Of 16 disks: the one that there is from the start is one of them.
TEST_F(LateDiskTest, IsRefusedIfThereAreMoreThanQemuCanWatch) {
  add_disks(most_served_disks, 1);
  look();
  EXPECT_EQ(plugged.size(), most_served_disks - 1);
  EXPECT_THAT(text("/local/domain/0/backend/qdisk/5/51968/hotplug-error"),
              HasSubstr("at most 16 disks to PV drivers"));
}

} // namespace
} // namespace linstub::broker
