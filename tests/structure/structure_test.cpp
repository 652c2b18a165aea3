// SPDX-License-Identifier: MIT
// The checks on small checkouts of their own.
#include "structure/structure.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

namespace linstub::structure {
namespace {
namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Checkout : public ::testing::Test {
protected:
  Checkout() {
    write("SPECIFICATION.md", "| promise | held by | when |\n|---|---|---|\n");
    write("ARCHITECTURE.md",
          "<!-- The structure, made from the includes: cmake --build BUILD --target drawing -->\n"
          "<!-- The end of the structure. -->\n"
          "`src/base/` `src/sys/` `src/xen/` `src/wire/` `src/qmp/` `src/cache/`\n");
    write("docs/pci.md", "");
    // Six folders of one size, so that none is too large.
    for (const char *name : {"base", "sys", "xen", "wire", "qmp", "cache"})
      folder(name, name == std::string("base") ? "" : "base");
  }
  ~Checkout() override { fs::remove_all(root_); }

  void write(const fs::path &path, const std::string &text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  // A folder that includes another.
  void folder(const std::string &name, const std::string &other) {
    const std::string include = other.empty() ? "\n" : "#include \"" + other + "/a.hpp\"\n";
    write("src/" + name + "/a.hpp", "// SPDX-License-Identifier: MIT\n" + include);
    write("src/" + name + "/CMakeLists.txt",
          "add_library(linstub_" + name + " STATIC a.cpp)\n" +
              (other.empty() ? "" : "target_link_libraries(x PUBLIC linstub_" + other + ")\n"));
  }

  Sentences wrong() { return check(root_).value().wrong; }

  fs::path root_ = [] {
    std::string name = fs::temp_directory_path() / "structure.XXXXXX";
    return fs::path(::mkdtemp(name.data()));
  }();
};

TEST_F(Checkout, IsSoundOnceItIsDrawn) {
  EXPECT_THAT(wrong(), Contains(HasSubstr("the drawing has no base")));
  ASSERT_TRUE(update(root_));
  EXPECT_THAT(wrong(), IsEmpty());
}

TEST_F(Checkout, FailsWithAnArrowThatRunsBackUp) {
  folder("base", "xen");
  folder("xen", "");
  EXPECT_THAT(wrong(), Contains(HasSubstr("src/base/a.hpp includes xen/a.hpp, against the order")));
}

TEST_F(Checkout, FailsWithACircleAndIsNotDrawn) {
  folder("base", "xen");
  EXPECT_THAT(wrong(), Contains(HasSubstr("in a circle: base → xen → base")));
  EXPECT_EQ(check(root_)->drawing, "");
  EXPECT_FALSE(update(root_));
}

TEST_F(Checkout, FailsWhenCMakeLinksSomethingElse) {
  write("src/xen/CMakeLists.txt", "add_library(linstub_xen STATIC a.cpp)\n");
  EXPECT_THAT(wrong(), Contains(HasSubstr("src/xen includes files of base")));
}

TEST_F(Checkout, FailsWithoutALicence) {
  write("src/xen/a.hpp", "#include \"base/a.hpp\"\n\n");
  EXPECT_THAT(wrong(), Contains(HasSubstr("the first line of src/xen/a.hpp")));
}

TEST_F(Checkout, IsNoneWithoutSources) {
  fs::remove_all(root_ / "src");
  EXPECT_FALSE(check(root_));
}

} // namespace
} // namespace linstub::structure
