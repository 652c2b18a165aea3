// SPDX-License-Identifier: MIT
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "run/directory.hpp"
#include "stubdom/ownership.hpp"

#include <gmock/gmock.h>

#include <filesystem>

namespace linstub::stubdom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Ownership : public ::testing::Test {
protected:
  Ownership() {
    std::filesystem::remove_all(run::directory());
    xen.domains[0] = {};
    xen.domains[5] = {};
  }
  std::vector<xen::DomId> found() { return stub_domains_of(guest, control, client).value(); }
  // A stub domain of the guest, as linstub-stubdom makes it.
  void make(uint32_t domid) {
    xen.domains[domid].uuid = announce_stub_domain(guest).value();
    store.write(base::format("/local/domain/{}/linstub/guest", domid), "5");
  }

  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore client = xen::Xenstore::connect().value();
  xen::DomId guest{5};
};

TEST_F(Ownership, IsKnownOfADomainWithoutNodes) {
  make(7);
  make(8);
  // What libxl does before it lets a domain die, or what it had not come to.
  store.remove("/local/domain/7");
  EXPECT_THAT(found(), ElementsAre(xen::DomId{7}, xen::DomId{8}));
}

TEST_F(Ownership, IsKnownByTheNodeIfThereIsNoRecord) {
  make(7);
  std::filesystem::remove_all(run::directory());
  EXPECT_THAT(found(), ElementsAre(xen::DomId{7}));
}

TEST_F(Ownership, IsNotClaimedByAnotherGuestsOrByNoStubDomain) {
  make(7);
  xen.domains[9].uuid = announce_stub_domain(xen::DomId{55}).value();
  store.write("/local/domain/9/linstub/guest", "55");
  store.write("/local/domain/5/linstub/guest", "");
  EXPECT_THAT(found(), ElementsAre(xen::DomId{7}));
  EXPECT_THAT(stub_domains_of(xen::DomId{55}, control, client).value(), ElementsAre(xen::DomId{9}));
}

TEST_F(Ownership, EndsWithTheDomain) {
  make(7);
  ASSERT_TRUE(forget_gone(guest, control));
  EXPECT_THAT(found(), ElementsAre(xen::DomId{7})) << "it lives";
  xen.domains[7].dying = true; // somebody maps its memory still
  EXPECT_THAT(found(), IsEmpty());
  ASSERT_TRUE(forget_gone(guest, control));
  EXPECT_TRUE(std::filesystem::is_empty(run::directory()));
}

TEST_F(Ownership, OutlivesTheFilesOfAGuestWhoseLinstubDmHasDied) {
  make(7);
  store.remove("/local/domain/7");
  run::remove_files(guest);
  EXPECT_THAT(found(), ElementsAre(xen::DomId{7}));
}

TEST_F(Ownership, IsNotGuessedWhenXenDoesNotAnswer) {
  make(7);
  store.fail(fake::Request::read, "/local/domain/5/linstub/guest", EACCES);
  EXPECT_FALSE(stub_domains_of(guest, control, client));
}

} // namespace
} // namespace linstub::stubdom
