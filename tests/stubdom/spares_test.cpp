// SPDX-License-Identifier: MIT
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"
#include "stubdom/ownership.hpp"
#include "stubdom/spares.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace linstub::stubdom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

plan::Description description(uint16_t guest = 5) {
  plan::Description description;
  description.guest = xen::DomId{guest};
  description.image = "an image";
  description.command_line = "quiet";
  description.memory = 32;
  return description;
}

class Spares : public ::testing::Test {
protected:
  Spares() {
    std::filesystem::remove_all(run::directory());
    xen.domains[0] = {};
    xen.domains[5] = {};
  }
  // One that linstub-stubdom has finished.
  run::Spare make(uint32_t domid, const plan::Description &as = description()) {
    run::Spare spare = announce_spare(as).value();
    xen.domains[domid].uuid = spare.uuid;
    EXPECT_TRUE(run::move_spare(spare, run::SpareStage::ready));
    return spare;
  }
  std::optional<xen::DomId> take(const plan::Description &wanted = description()) {
    return take_spare(wanted, control);
  }

  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore client = xen::Xenstore::connect().value();
};

TEST_F(Spares, AreTakenOnceAndAreThatGuestsFromThenOn) {
  make(7);
  EXPECT_EQ(take(), xen::DomId{7});
  EXPECT_THAT(run::spares(), IsEmpty());
  EXPECT_EQ(take(description(6)), std::nullopt);
  EXPECT_THAT(stub_domains_of(xen::DomId{5}, control, client).value(), ElementsAre(xen::DomId{7}));
}

TEST_F(Spares, AreTakenForWhatTheyWereMadeAs) {
  plan::Description other = description();
  other.command_line = "debug";
  make(7, other);
  other = description();
  other.image = "another image";
  make(8, other);
  other = description();
  other.memory = 31;
  make(9, other);
  other = description();
  other.limits.cpu_cap = 50;
  make(10, other);
  other = description();
  other.type = xen::DomainType::pvh;
  make(11, other);
  EXPECT_EQ(take(), std::nullopt);
  other = description();
  other.memory = 36;
  make(12, other);
  EXPECT_EQ(take(), xen::DomId{12}) << "more memory does no harm";
}

TEST_F(Spares, AreNotTakenBeforeTheyAreReadyOrWhenTheyAreDead) {
  xen.domains[7].uuid = announce_spare(description()).value().uuid;
  make(8);
  xen.domains[8].shutdown = 0;
  make(9);
  xen.domains[9].dying = true;
  make(10);
  xen.domains.erase(10);
  run::Spare ending = make(11);
  ASSERT_TRUE(run::move_spare(ending, run::SpareStage::ending));
  EXPECT_EQ(take(), std::nullopt);
}

TEST_F(Spares, AreEitherTakenOrEnded) {
  run::Spare spare = make(7);
  EXPECT_EQ(take(), xen::DomId{7});
  EXPECT_EQ(run::move_spare(spare, run::SpareStage::ending).error().code(), ENOENT);
}

TEST_F(Spares, AreWantedAsLongAsTheSettingsAreTheSame) {
  const run::Spare spare = make(7);
  EXPECT_TRUE(is_as_wanted(spare, description(), control).value());
  plan::Description larger = description();
  larger.memory = 40;
  EXPECT_FALSE(is_as_wanted(spare, larger, control).value());
  plan::Description smaller = description();
  smaller.memory = 28;
  EXPECT_FALSE(is_as_wanted(spare, smaller, control).value());
  xen.domains[7].shutdown = 1;
  EXPECT_FALSE(is_as_wanted(spare, description(), control).value());
}

TEST_F(Spares, ARecordThatIsNoneIsNotWanted) {
  const run::Spare spare = make(7);
  std::ofstream(run::spare_path(spare)) << "{";
  EXPECT_FALSE(is_as_wanted(spare, description(), control).value());
  EXPECT_EQ(take(), std::nullopt);
  std::ofstream(std::string(run::directory()) + "/spare-ready-none") << "{}";
  EXPECT_THAT(run::spares(), ElementsAre(spare));
}

TEST_F(Spares, AreMadeByOneAtATime) {
  const auto soon = base::Deadline::after(base::Milliseconds(10));
  const std::string path = std::string(run::directory()) + "/spares.lock";
  {
    const auto lock = SparesLock::take(soon);
    ASSERT_TRUE(lock);
    EXPECT_EQ(SparesLock::take(soon).error().code(), ETIMEDOUT);
    // Nobody else can hold it.
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(SparesLock::take(soon));
}

} // namespace
} // namespace linstub::stubdom
