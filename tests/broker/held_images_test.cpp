// SPDX-License-Identifier: MIT
#include "broker/held_images.hpp"
#include "fake/image_lock.hpp"

#include <gmock/gmock.h>

#include <array>

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::array disks{disk::Disk{.path = "/one.img", .vdev = "xvda"},
                       disk::Disk{.path = "/two.img", .vdev = "xvdb"}};

class Held : public testing::Test {
protected:
  Held() { locks.of_others.clear(); }

  fake::ImageLocks &locks = fake::image_locks();
  HeldImages images;
};

TEST_F(Held, AreLockedOnceAndUntilTheyAreLetGo) {
  ASSERT_TRUE(images.hold(disks));
  ASSERT_TRUE(images.hold(disks));
  EXPECT_THAT(locks.held(), ElementsAre("/one.img", "/two.img"));
  images.let_go("xvda");
  EXPECT_THAT(locks.held(), ElementsAre("/two.img"));
  images.let_all_go();
  EXPECT_THAT(locks.held(), IsEmpty());
}

// Else that one would be without a lock.
TEST_F(Held, ANameThatAnotherImageHasIsRefused) {
  ASSERT_TRUE(images.hold(disks));
  const std::array other{disk::Disk{.path = "/three.img", .vdev = "xvda"}};
  auto held = images.hold(other);
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error().message(), HasSubstr("/three.img"));
  EXPECT_THAT(locks.held(), ElementsAre("/one.img", "/two.img"));
}

TEST_F(Held, NothingMoreIsLockedWhenSomebodyHasOne) {
  locks.of_others.insert("/two.img");
  auto held = images.hold(disks);
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error().message(), HasSubstr("/two.img"));
  EXPECT_THAT(locks.held(), IsEmpty());
}

} // namespace
} // namespace linstub::broker
