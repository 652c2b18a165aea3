// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "elf_builder.hpp"
#include "image/closure.hpp"
#include "image/temporary.hpp"

#include <gmock/gmock.h>

namespace linstub::image {
namespace {

namespace fs = std::filesystem;
using testing::build_elf;
using ::testing::ElementsAre;
using testing::ElfParts;
using ::testing::HasSubstr;

class Closure : public ::testing::Test {
protected:
  void SetUp() override { fs::create_directories(root() / "lib/x86_64-linux-gnu"); }

  [[nodiscard]] fs::path root() const { return directory_->path(); }

  void put(const std::string &path, const ElfParts &parts) const {
    const fs::path file = root() / fs::path(path).relative_path();
    fs::create_directories(file.parent_path());
    ASSERT_TRUE(base::replace_file(file, build_elf(parts)));
  }
  void library(const std::string &name, const std::vector<std::string> &needed = {}) const {
    put("/lib/x86_64-linux-gnu/" + name, {.soname = name, .needed = needed});
  }

  [[nodiscard]] base::Result<image::Closure>
  find(const std::vector<std::string> &extra = {}) const {
    return find_libraries(root(), *library_directories(root()),
                          {{.name = "qemu", .file = root() / "qemu"}}, extra);
  }

  base::Result<TemporaryDirectory> directory_ = TemporaryDirectory::make(fs::temp_directory_path());
};

std::vector<std::string> paths(const image::Closure &closure) {
  std::vector<std::string> result;
  result.reserve(closure.libraries.size());
  for (const Library &library : closure.libraries)
    result.push_back(library.path);
  return result;
}

TEST_F(Closure, FollowsLibrariesOfLibraries) {
  put("/qemu", {.interpreter = "/lib64/ld-linux-x86-64.so.2", .needed = {"liba.so.1"}});
  library("liba.so.1", {"libb.so.2", "libc.so.6"});
  library("libb.so.2", {"liba.so.1"}); // and round again
  library("libc.so.6", {"ld-linux-x86-64.so.2"});
  library("libunused.so.1");
  auto found = find();
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->interpreter, "/lib64/ld-linux-x86-64.so.2");
  EXPECT_THAT(paths(*found),
              ElementsAre("/lib/x86_64-linux-gnu/liba.so.1", "/lib/x86_64-linux-gnu/libb.so.2",
                          "/lib/x86_64-linux-gnu/libc.so.6"));
}

TEST_F(Closure, AMissingLibraryIsAnErrorWithTheChainThatWantsIt) {
  put("/qemu", {.needed = {"liba.so.1"}});
  library("liba.so.1", {"libb.so.2"});
  auto found = find();
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(),
              HasSubstr("qemu needs liba.so.1, which needs libb.so.2: no such library in "));
}

TEST_F(Closure, TakesRunpathBeforeRpathAndOrigin) {
  put("/qemu", {.needed = {"liba.so.1"}, .rpath = "/opt/rpath", .runpath = "/opt/runpath"});
  put("/opt/rpath/liba.so.1", {});
  put("/opt/runpath/liba.so.1", {.needed = {"libb.so.2"}, .runpath = "$ORIGIN/sub"});
  put("/opt/runpath/sub/libb.so.2", {});
  auto found = find();
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_THAT(paths(*found), ElementsAre("/opt/runpath/liba.so.1", "/opt/runpath/sub/libb.so.2"));
}

TEST_F(Closure, LooksWhereLdSoConfSays) {
  fs::create_directories(root() / "etc/ld.so.conf.d");
  ASSERT_TRUE(base::replace_file(root() / "etc/ld.so.conf.d/a.conf", "# first\n/opt/lib\n"));
  put("/qemu", {.needed = {"liba.so.1"}});
  put("/opt/lib/liba.so.1", {});
  auto found = find();
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_THAT(paths(*found), ElementsAre("/opt/lib/liba.so.1"));
}

TEST_F(Closure, PassesOverAFileThatIsNoLibraryForThisProcessor) {
  put("/qemu", {.needed = {"liba.so.1"}});
  put("/lib/x86_64-linux-gnu/liba.so.1", {.machine = EM_AARCH64});
  auto found = find();
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), HasSubstr("another processor"));
  put("/usr/lib/liba.so.1", {});
  EXPECT_TRUE(find());
}

TEST_F(Closure, TakesLibrariesThatAreLoadedAtRunTime) {
  put("/qemu", {});
  library("libgcc_s.so.1", {"libc.so.6"});
  library("libc.so.6");
  auto found = find({"libgcc_s.so.1"});
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->libraries.size(), 2);
  auto missing = find({"libnot.so.1"});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("the image needs libnot.so.1"));
}

TEST_F(Closure, ALibraryNameIsNeverAPath) {
  put("/qemu", {.needed = {"../../etc/shadow"}});
  auto found = find();
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), HasSubstr("not the plain name of a library"));
}

} // namespace
} // namespace linstub::image
