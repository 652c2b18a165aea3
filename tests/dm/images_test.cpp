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
  host->give_images();
  host->rest_stub();
  host->wake_stub();
  EXPECT_THAT(locks.held(), IsEmpty()) << "libxl asks something after the save of a migration";
  base::Result<> taken = base::fail("not yet");
  host->take_images([&](const base::Result<> &result) { taken = result; });
  EXPECT_TRUE(taken);
  EXPECT_THAT(locks.held(), ElementsAre("/images/guest.img"));
  EXPECT_THAT(events, IsEmpty());
}

TEST_F(ImagesTest, AGuestWhoseImageSomebodyElseHasGotMeanwhileDoesNotGoOn) {
  connect();
  host->give_images();
  locks.of_others = {"/images/guest.img"};
  base::Result<> taken;
  host->take_images([&](const base::Result<> &result) { taken = result; });
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message(), HasSubstr("guest.img"));
  EXPECT_THAT(events, IsEmpty()) << "it is suspended, and stays so";
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
