// SPDX-License-Identifier: MIT
#include "structure/drawing.hpp"

#include <gmock/gmock.h>

namespace linstub::structure {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<Row> three() {
  return rows({make_source("src/base/a.cpp", std::string(1234, '\n')),
               make_source("src/xen/a.cpp", "#include \"base/a.hpp\"\n"),
               make_source("src/dm/a.cpp", "#include \"xen/a.hpp\"\n#include \"base/a.hpp\"\n"),
               make_source("tests/dm/a.cpp", "#include \"xen/a.hpp\"\n")});
}

TEST(Rows, AreInLayersFromTheTopDown) {
  EXPECT_THAT(three(),
              ElementsAre(Row{.layer = 2, .folder = "dm", .lines = 2, .includes = {"base", "xen"}},
                          Row{.layer = 1, .folder = "xen", .lines = 1, .includes = {"base"}},
                          Row{.layer = 0, .folder = "base", .lines = 1234, .includes = {}}));
}

TEST(Drawing, IsReadBackAsTrue) { EXPECT_THAT(check_drawing(draw(three()), three()), IsEmpty()); }

TEST(Drawing, HasARowForEachFolder) {
  EXPECT_THAT(draw(three()), AllOf(HasSubstr("        2  dm             0   base xen\n"),
                                   HasSubstr("        0  base       1,200\n"),
                                   HasSubstr("           all        1,200\n")));
}

TEST(Drawing, GetsOldWithAnArrow) {
  std::vector<Row> now = three();
  now[1].includes.emplace_back("qmp");
  EXPECT_THAT(check_drawing(draw(three()), now),
              ElementsAre(HasSubstr("it is in layer 1 and includes base qmp")));
}

TEST(Drawing, GetsOldWithAFolder) {
  std::vector<Row> now = three();
  now[1].folder = "sys";
  EXPECT_THAT(check_drawing(draw(three()), now),
              UnorderedElementsAre(HasSubstr("has no sys"), HasSubstr("has xen, which is not")));
}

TEST(Drawing, GetsOldWithATenthOfTheLines) {
  std::vector<Row> now = three();
  now[2].lines = 1300;
  EXPECT_THAT(check_drawing(draw(three()), now), IsEmpty());
  now[2].lines = 1400;
  EXPECT_THAT(check_drawing(draw(three()), now), ElementsAre(HasSubstr("it has 1400")));
}

TEST(Drawing, StandsBetweenTwoMarkers) {
  EXPECT_FALSE(find_drawing("no markers"));
  const std::string document =
      "before\n"
      "<!-- The structure, made from the includes: cmake --build BUILD --target drawing -->\n"
      "old\n"
      "<!-- The end of the structure. -->\n"
      "after\n";
  EXPECT_EQ(find_drawing(document).value(), "old\n");
  const std::string changed = replace_drawing(document, "new\n").value();
  EXPECT_EQ(find_drawing(changed).value(), "\nnew\n\n");
  EXPECT_TRUE(changed.starts_with("before\n") && changed.ends_with("after\n"));
}

} // namespace
} // namespace linstub::structure
