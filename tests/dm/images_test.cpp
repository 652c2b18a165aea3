// SPDX-License-Identifier: MIT
// When the images of a guest are locked (broker/held_images.hpp), and when not.
#include "dm/surroundings.hpp"
#include "fake/image_lock.hpp"

namespace linstub::dm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ImagesTest : public Surroundings {
protected:
  ImagesTest() {
    locks.of_others.clear();
    plan = plan_of("-drive file=/images/guest.img,if=ide,index=0,format=raw");
  }

  fake::ImageLocks &locks = fake::image_locks();
};

TEST_F(ImagesTest, AGuestWhoseStateIsSavedLeavesItsImagesToWhoRestoresIt) {
  connect();
  host->rest_stub();
  EXPECT_THAT(locks.held(), IsEmpty());
  host->wake_stub();
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img"));
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(ImagesTest, AGuestWhoseImageSomebodyElseHasGotMeanwhileDoesNotGoOn) {
  connect();
  host->rest_stub();
  locks.of_others = {"/images/guest.img"};
  xen.calls.clear();
  host->wake_stub();
  EXPECT_THAT(events, ElementsAre(testing::Pair(Event::stub_failed, HasSubstr("guest.img"))));
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(ImagesTest, OfAGuestThatIsOnItsWayOutAreWaitedFor) {
  locks.of_others = {"/images/guest.img"};
  std::string told;
  host->create(broker::Which::first, [&](const base::Result<xen::DomId> &made) {
    told = made ? "made" : made.error().message();
  });
  settle();
  EXPECT_EQ(told, "");
  locks.of_others.clear();
  program.ends(0, "6\n");
  until([&] { return !told.empty(); });
  EXPECT_EQ(told, "made");
}

} // namespace
} // namespace linstub::dm
