// SPDX-License-Identifier: MIT
#include "structure/checks.hpp"

#include <gmock/gmock.h>

#include <array>

namespace linstub::structure {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::array order{Place{"base", ""}, Place{"sys", "base"}, Place{"dm", "base sys"}};

Source in(std::string path, std::string_view included) {
  return make_source(std::move(path), std::string("#include \"") + std::string(included) + "\"\n");
}

TEST(Order, IsKeptByWhatIncludesDownwards) {
  EXPECT_THAT(
      check_order({in("src/dm/life.cpp", "dm/life.hpp"), in("src/dm/life.hpp", "sys/a.hpp"),
                   in("src/sys/a.hpp", "base/fd.hpp"), in("tests/sys/a.cpp", "dm/life.hpp")},
                  order),
      IsEmpty());
}

TEST(Order, IsBrokenByAnArrowThatRunsBackUp) {
  EXPECT_THAT(
      check_order({in("src/base/fd.cpp", "sys/a.hpp"), in("src/sys/a.cpp", "dm/life.hpp")}, order),
      ElementsAre("src/base/fd.cpp includes sys/a.hpp, against the order: base may include "
                  "nothing else of src/",
                  "src/sys/a.cpp includes dm/life.hpp, against the order: sys may include "
                  "base"));
}

TEST(Order, HasAPlaceForEachFolder) {
  EXPECT_THAT(
      check_order({in("src/new/a.cpp", "base/a.hpp"), in("src/new/b.cpp", "base/a.hpp")}, order),
      ElementsAre(AllOf(HasSubstr("src/new has no place"), HasSubstr("order.hpp"))));
}

TEST(Order, RunsOneWayItself) {
  constexpr std::array both{Place{"base", "sys"}, Place{"sys", "base"}};
  EXPECT_THAT(check_order({}, both), ElementsAre(HasSubstr("lets base include sys")));
  EXPECT_THAT(check_order({}, places), IsEmpty());
}

TEST(Circles, AreNamedWithTheirWay) {
  EXPECT_THAT(check_circles({{"a", {"b"}}, {"b", {"c"}}, {"c", {}}}), IsEmpty());
  EXPECT_THAT(check_circles({{"a", {"b"}}, {"b", {"c", "d"}}, {"c", {"b"}}, {"d", {}}}),
              ElementsAre(HasSubstr("in a circle: b → c → b")));
}

Source long_one(std::string path, size_t lines) {
  return make_source(std::move(path), std::string(lines, '\n'));
}

TEST(Sizes, OfFilesAreBounded) {
  EXPECT_THAT(check_sizes({long_one("tests/a.cpp", 450), long_one("tests/b.cpp", 451)}),
              ElementsAre("tests/b.cpp has 451 lines, and a file may have 450: take it apart"));
}

TEST(Sizes, OfFoldersAreBounded) {
  std::vector<Source> sources{long_one("tests/a.cpp", 400)};
  for (const char *folder : {"a", "b", "c", "d", "e", "f"})
    sources.push_back(long_one(std::string("src/") + folder + "/x.cpp", 100));
  EXPECT_THAT(check_sizes(sources), IsEmpty());
  sources.pop_back();
  EXPECT_THAT(check_sizes(sources), ::testing::SizeIs(5)); // each has a fifth
}

TEST(Licences, AreInTheFirstLine) {
  EXPECT_THAT(check_licences({make_source("a.cpp", "// SPDX-License-Identifier: MIT\nint x;\n"),
                              make_source("b.cpp", "int x;\n"), make_source("c.cpp", "")}),
              ElementsAre(HasSubstr("of b.cpp"), HasSubstr("of c.cpp")));
}

TEST(Comments, NameFilesThatAreThere) {
  const Source named = make_source("src/wire/paths.hpp", "");
  EXPECT_THAT(check_comments({named, make_source("src/dm/a.cpp", "// see wire/paths.hpp, paths.hpp "
                                                                 "(src/wire/paths.hpp)\n"
                                                                 "// any <name>_fuzz.cpp\n"
                                                                 "int x; // not a.cppx\n")}),
              IsEmpty());
  EXPECT_THAT(check_comments({named, make_source("src/dm/a.cpp", "int x; // dm/paths.hpp has it\n"
                                                                 "// gone.cpp too.\n")}),
              UnorderedElementsAre(HasSubstr("names dm/paths.hpp"), HasSubstr("names gone.cpp")));
}

} // namespace
} // namespace linstub::structure
