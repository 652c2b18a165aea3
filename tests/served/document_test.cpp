// SPDX-License-Identifier: MIT
#include "served/document.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>

namespace linstub::served {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Served, SaysOfEachRowWhatTheSourcesAnswer) {
  EXPECT_EQ(refusal({"vga", Way::arguments, "-device VGA", "`T.A`", ""}), std::nullopt);
  EXPECT_THAT(refusal({"spice", Way::arguments, "-spice port=1", "", ""}).value(),
              HasSubstr("use vnc=1"));
  EXPECT_EQ(refusal({"disk", Way::backend, "qdisk", "`T.A`", ""}), std::nullopt);
  EXPECT_THAT(refusal({"p9", Way::backend, "9pfs", "", ""}).value(), HasSubstr("xen_9pfsd"));
  EXPECT_EQ(refusal({"stop", Way::command, "stop {}", "`T.A`", ""}), std::nullopt);
  EXPECT_THAT(refusal({"usb", Way::command, R"(device_add {"driver":"usb-host"})", "", ""}).value(),
              HasSubstr("USB devices of the host"));
  EXPECT_EQ(refusal({"x", Way::toolstack, "no", "", ""}), "no");
}

TEST(Served, NeedsATestForWhatWorksAndNoneForWhatIsRefused) {
  constexpr std::array rows{Row{"a=1", Way::arguments, "-vga std", "", ""},
                            Row{"b=1", Way::arguments, "-spice x", "`T.A`", ""},
                            Row{"c=1", Way::arguments, "-vga std", "`T.A`", ""},
                            Row{"d=1", Way::arguments, "-spice x", "", ""}};
  const std::array sections{Section{"S", rows}};
  EXPECT_THAT(check_rows(sections), ElementsAre(AllOf(HasSubstr("a=1"), HasSubstr("no test")),
                                                AllOf(HasSubstr("b=1"), HasSubstr("refused"))));
}

TEST(Served, HoldsForTheTableThatThereIs) {
  EXPECT_THAT(check_rows(sections()), IsEmpty());
  const std::string text = render();
  for (const char *words :
       {"`spice=1", "`query-vnc`", "`screendump`", "`xl cd-insert", "only one nic"})
    EXPECT_THAT(text, HasSubstr(words));
}

// A sentence that says what cannot be done, and not what to do, helps nobody.
TEST(Served, RefusalsSayWhatToWriteInstead) {
  constexpr std::array advice{": use ",          ", and use ",  "take ",
                              ": give ",         ": name ",     "convert ",
                              "give the others", "instead of ", "linstub-dm serves pty",
                              "is served by",    "more than 4", ": remove "};
  for (const Section &section : sections()) {
    for (const Row &row : section.rows) {
      const auto why = refusal(row);
      if (!why || row.way == Way::toolstack)
        continue;
      EXPECT_TRUE(
          std::ranges::any_of(advice, [&](const char *words) { return why->contains(words); }))
          << row.option << ": " << *why;
    }
  }
}

} // namespace
} // namespace linstub::served
