// SPDX-License-Identifier: MIT
#include "structure/links.hpp"

#include <gmock/gmock.h>

namespace linstub::structure {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char *dm_list = R"(# linstub_gone is not linked
add_library(linstub_dm STATIC life.cpp
                              media.cpp)
target_link_libraries(linstub_dm PUBLIC linstub_base # and no linstub_other
                                 PRIVATE linstub_xen xenctrl)
add_executable(linstub-dm main.cpp)
target_link_libraries(linstub-dm PRIVATE linstub_dm)
)";

std::map<std::string, Links> links() {
  return {{"base", {.libraries = {"linstub_base"}, .linked = {}}},
          {"xen", {.libraries = {"linstub_xen"}, .linked = {"linstub_base"}}},
          {"dm", parse_links(dm_list)}};
}

TEST(Links, AreReadFromCMake) {
  const Links found = parse_links(dm_list);
  EXPECT_THAT(found.libraries, ElementsAre("linstub_dm"));
  EXPECT_THAT(found.linked, ElementsAre("linstub_base", "linstub_dm", "linstub_xen"));
}

TEST(Links, AgreeWithTheIncludes) {
  EXPECT_THAT(check_links(links(), {{"base", {}}, {"xen", {"base"}}, {"dm", {"base", "xen"}}}),
              IsEmpty());
}

TEST(Links, ThatAreMissingOrTooManyAreNamed) {
  EXPECT_THAT(check_links(links(), {{"base", {"xen"}}, {"xen", {"base"}}, {"dm", {"base"}}}),
              UnorderedElementsAre(HasSubstr("src/base includes files of xen"),
                                   HasSubstr("src/dm/CMakeLists.txt links a library of xen")));
}

TEST(Links, LeadToALibraryThatSomeFolderMakes) {
  auto all = links();
  all["xen"].linked.insert("linstub_none");
  EXPECT_THAT(check_links(all, {{"base", {}}, {"xen", {"base"}}, {"dm", {"base", "xen"}}}),
              ElementsAre(HasSubstr("src/xen links linstub_none")));
}

} // namespace
} // namespace linstub::structure
