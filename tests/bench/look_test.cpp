// SPDX-License-Identifier: MIT
#include "bench/look.hpp"

#include <gmock/gmock.h>

namespace linstub::bench {
namespace {

using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Look, IsNamesAndNumbers) {
  auto look = parse_look("free 1048576\nidle 0.25\n");
  ASSERT_TRUE(look) << look.error().message();
  EXPECT_THAT(*look, UnorderedElementsAre(Pair("free", 1048576), Pair("idle", 0.25)));
  EXPECT_EQ(get(*look, "idle").value_or(0), 0.25);
  EXPECT_THAT(get(*look, "xl").error().message(), HasSubstr("\"xl\""));
}

TEST(Look, WhatIsNoneIsShown) {
  for (const char *wrong : {"xl", "xl ", "xl one", "xl 1 2", "xl nan"})
    EXPECT_THAT(parse_look(wrong).error().message(), HasSubstr(wrong)) << wrong;
}

TEST(Counts, AreWhatHasComeSinceForEach) {
  EXPECT_THAT(counted_since({{"xen", 100}, {"programs", 50}},
                            {{"xen", 300}, {"programs", 40}, {"kernels", 8}}, 2),
              UnorderedElementsAre(Pair("xen", 100), Pair("programs", 0), Pair("kernels", 4)));
  EXPECT_TRUE(counted_since({}, {}, 3).empty());
}

TEST(Stages, AreTimesSinceTheBegin) {
  auto stages = parse_stages("/run/lab-t.begin 1000.5\n/run/lab-t.end 1009.5\n"
                             "/run/lab-t.serial 1060.75\n/run/lab-bench-stages/model 1008.0\n"
                             "/run/lab-bench-stages/stub-built 1003.5\n",
                             "/run/lab-t.begin", "/run/lab-t.end", "/run/lab-t.serial");
  ASSERT_TRUE(stages) << stages.error().message();
  EXPECT_THAT(*stages, UnorderedElementsAre(Pair("start.created", 9), Pair("start.userland", 60.25),
                                            Pair("start.model", 7.5), Pair("start.stub-built", 3)));
}

TEST(Stages, ThatAreOlderThanTheBeginAreAnotherGuests) {
  auto stages = parse_stages("b 10\ne 12\ns 9\n", "b", "e", "s");
  EXPECT_THAT(stages.error().message(), HasSubstr("older"));
}

} // namespace
} // namespace linstub::bench
