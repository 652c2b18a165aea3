// SPDX-License-Identifier: MIT
#include "structure/documents.hpp"

#include <gmock/gmock.h>

namespace linstub::structure {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<Source> sources() {
  return {make_source("tests/lab/life_test.cpp", "TEST_F(Life, Boots) {\n"
                                                 "  start();\n"
                                                 "}\n"
                                                 "TEST_F(Life, Migrates) {\n"
                                                 "  ONLY_WHEN_THOROUGH();\n"
                                                 "}\n"
                                                 "TEST_F(Life, Reboots) {\n"
                                                 "  for (int i = 0; i < rounds(2, 5); i++) {\n"
                                                 "  }\n"
                                                 "}\n"
                                                 "TEST_P(Dies, Crashes) {\n"
                                                 "}\n"
                                                 "INSTANTIATE(All, Dies, \"StubDomain\");\n"),
          make_source("tests/wire/mux_test.cpp", "TEST(Mux, One) { EXPECT_TRUE(true); }\n"),
          make_source("tests/fuzz/mux_fuzz.cpp", "")};
}

Sentences check(const std::string &held_by, const std::string &when) {
  return check_promises("| promise | held by | when |\n|---|---|---|\n| **a title** | | |\n| it "
                        "works | " +
                            held_by + " | " + when + " |\n",
                        sources());
}

TEST(Tests, AreFoundWithWhenTheyRun) {
  const auto all = find_tests(sources());
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0].name, "Boots");
  EXPECT_FALSE(all[0].thorough_only || all[0].rounds);
  EXPECT_TRUE(all[1].thorough_only);
  EXPECT_TRUE(all[2].rounds);
  EXPECT_EQ(all[3].suite, "Dies");
  EXPECT_EQ(all[4].suite, "Mux");
}

TEST(Promises, NameTestsThatAreThere) {
  for (const char *held_by :
       {"lab `Life.Boots`", "`Dies/StubDomain`", "`Dies/*`", "`Mux.*`", "fuzz `mux`",
        "`tests/wire/`, `tests/wire/mux_test.cpp`", "`make it`, by eye"})
    EXPECT_THAT(check(held_by, "every run"), IsEmpty()) << held_by;
  for (const char *held_by : {"lab `Life.Sleeps`", "`Dies/Guest`", "`Nothing.*`", "fuzz `qmp`",
                              "`tests/xen/`", "`tests/wire/frame_test.cpp`"})
    EXPECT_THAT(check(held_by, "by hand"), ElementsAre(HasSubstr("which is not there"))) << held_by;
}

TEST(NamedTests, OfAnyDocumentAreThere) {
  EXPECT_THAT(check_named_tests("docs/a.md", "works: `Life.Boots`, `Dies/*`; `spice=1`", sources()),
              IsEmpty());
  EXPECT_THAT(check_named_tests("docs/a.md", "works: `Life.Sleeps`", sources()),
              ElementsAre("docs/a.md names the test Life.Sleeps, which is not there"));
}

TEST(Promises, SayWhenTheyAreTried) {
  EXPECT_THAT(check("`Life.Migrates`", "thorough"), IsEmpty());
  EXPECT_THAT(check("`Life.Reboots`", "every run: 2; thorough: 5"), IsEmpty());
  EXPECT_THAT(check("`Life.Migrates`, `tests/wire/`", "thorough; every run in part"), IsEmpty());
  EXPECT_THAT(check("`Life.Migrates`", "every run"), ElementsAre(HasSubstr("in a thorough one")));
  EXPECT_THAT(check("`Life.Boots`", "thorough"), ElementsAre(HasSubstr("in every run")));
  EXPECT_THAT(check("`Life.Boots`", ""), ElementsAre(HasSubstr("does not say when")));
}

TEST(Promises, AreRowsOfThreeCells) {
  EXPECT_THAT(check_promises("| it works | `Mux.One` |\n", sources()),
              ElementsAre(HasSubstr("does not have three cells")));
}

TEST(NamedFiles, AreThere) {
  const std::filesystem::path here = std::filesystem::path(__FILE__).parent_path();
  EXPECT_THAT(
      check_named_files("A.md", "`src/gone.cpp`, `tests/*`, `a/b.c`, `/x/y.cpp`, `x.cpp`", here),
      ElementsAre("A.md names src/gone.cpp, which is not there"));
}

TEST(Folders, AreToldOf) {
  EXPECT_THAT(check_folders_told("| `src/base/` | Result |", {{"base", {}}, {"xen", {"base"}}}),
              ElementsAre("ARCHITECTURE.md does not tell of src/xen/"));
}

} // namespace
} // namespace linstub::structure
