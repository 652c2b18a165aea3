// SPDX-License-Identifier: MIT
#include "broker/guest_calls.hpp"
#include "fake/xenctrl.hpp"
#include "fake/xenstore.hpp"
#include "wire/paths.hpp"

#include <gmock/gmock.h>

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(PageBudget, IsForTheCardsMemoryAndSomeRoms) {
  PageBudget budget(16);
  EXPECT_TRUE(budget.spend(28672, 4096));
  EXPECT_TRUE(budget.spend(32768, 16));
  EXPECT_FALSE(budget.spend(32832, 4096));
  EXPECT_TRUE(budget.spend(32832, 4080));
  const auto more = budget.spend(40000, 1);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), ENOMEM);
}

TEST(PageBudget, FramesAreThoseThatAGuestCanHave) {
  PageBudget budget(0);
  constexpr uint64_t end = uint64_t{1} << 40;
  for (const auto &[first, count] : std::vector<std::pair<uint64_t, uint64_t>>{
           {0, 0}, {end, 1}, {end - 1, 2}, {0, end}, {UINT64_MAX, UINT64_MAX}, {1, UINT64_MAX}}) {
    const auto spent = budget.spend(first, count);
    ASSERT_FALSE(spent) << first << " " << count;
    EXPECT_EQ(spent.error().code(), EINVAL);
  }
  EXPECT_TRUE(budget.spend(end - 2, 1));
}

class GuestCallsTest : public testing::Test {
protected:
  GuestCallsTest() {
    xen.domains[5] = {};
    store.write("/local/domain/6", "");
    store.write("/local/domain/7", "");
  }

  // What dom0 answers to stub domain 6.
  std::string answer_to(std::string_view call, uint16_t stub = 6) {
    const std::string home = base::format("/local/domain/{}", stub);
    store.write(base::format("{}/{}", home, wire::call_node), call);
    EXPECT_TRUE(calls.serve(xen::DomId{stub}));
    return store.read(base::format("{}/{}", home, wire::answer_node)).value_or("");
  }

  fake::Xenstore store;
  fake::Xen xen;
  xen::Control control = xen::Control::open().value();
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  GuestCalls calls{xenstore, control, xen::DomId{5}, 16};
};

TEST_F(GuestCallsTest, AreMadeForTheGuestAndAnswered) {
  EXPECT_TRUE(calls.serve(xen::DomId{6})); // nothing is asked yet
  EXPECT_EQ(answer_to("1 populate 28672 2500"), "1 0");
  EXPECT_EQ(answer_to("2 s-state 3"), "2 0");
  EXPECT_EQ(answer_to("3 s-state 0"), "3 0");
  EXPECT_THAT(xen.calls,
              ElementsAre("populate 5 28672 1024", "populate 5 29696 1024", "populate 5 30720 452",
                          "hvm_param 5 14 3", "hvm_param 5 14 0"));
}

TEST_F(GuestCallsTest, EachIsMadeOnce) {
  EXPECT_EQ(answer_to("1 populate 28672 16"), "1 0");
  EXPECT_EQ(answer_to("1 populate 28688 16"), "1 0");
  EXPECT_EQ(answer_to("5 populate 28688 16"), "5 0");
  EXPECT_EQ(answer_to("4 populate 28704 16"), "5 0");
  EXPECT_THAT(xen.calls, ElementsAre("populate 5 28672 16", "populate 5 28688 16"));
}

TEST_F(GuestCallsTest, ThoseOfTheNextStubDomainAreCountedFromOneAgain) {
  EXPECT_EQ(answer_to("9 populate 28672 4096"), "9 0");
  EXPECT_EQ(answer_to("1 populate 32768 4096", 7), "1 0");
  EXPECT_EQ(answer_to("2 populate 36864 1", 7), "2 12") << "the pages are the guest's, not its";
}

TEST_F(GuestCallsTest, WhatNoQemuAsksIsRefused) {
  EXPECT_EQ(answer_to("1 populate 28672 1000000"), "1 12");
  EXPECT_EQ(answer_to("2 populate 1099511627776 1"), "2 22");
  EXPECT_EQ(answer_to("3 s-state 5"), "3 22");
  for (const char *nonsense : {"", "4", "4 destroy 0", "4 populate 1 1 5", "-4 populate 1 1"})
    EXPECT_EQ(answer_to(nonsense), "3 22") << nonsense;
  EXPECT_THAT(xen.calls, IsEmpty());
}

TEST_F(GuestCallsTest, WhatXenRefusesQemuIsTold) {
  xen.fail("populate", EBUSY);
  EXPECT_EQ(answer_to("1 populate 28672 16"), "1 16");
}

} // namespace
} // namespace linstub::broker
