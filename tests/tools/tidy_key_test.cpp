// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "tools/tidy_key.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

namespace linstub::tools {
namespace {
namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class TidyKeysTest : public ::testing::Test {
protected:
  void SetUp() override {
    first_ = checkout();
    second_ = checkout();
  }
  void TearDown() override {
    fs::remove_all(first_);
    fs::remove_all(second_);
  }

  static fs::path checkout() {
    std::string name = ::testing::TempDir() + "/tidy-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    fs::path path = name;
    write(path, "src/a/a.cpp", "#include \"a/a.hpp\"\n#include <vector>\n");
    write(path, "src/a/a.hpp", "#  include \"near.hpp\" // why\n");
    write(path, "src/a/near.hpp", "#include \"a/a.hpp\"\n#include \"not_ours.h\"\n");
    write(path, "src/a/other.hpp", "");
    return path;
  }

  static void write(const fs::path &checkout, const char *file, const char *text) {
    fs::create_directories((checkout / file).parent_path());
    EXPECT_TRUE(base::replace_file(checkout / file, text));
  }

  static std::string key(const fs::path &checkout, const std::string &define = "-DX=1",
                         const std::string &common = "version") {
    Source source{.file = "src/a/a.cpp",
                  .commands = {"/usr/bin/c++ " + define + " -I" + checkout.string() +
                               "/src -std=c++23 -o a.cpp.o -c " + checkout.string() +
                               "/src/a/a.cpp"}};
    auto key = TidyKeys(checkout, common).key(source);
    EXPECT_TRUE(key) << key.error().message();
    return key.value_or("");
  }

  fs::path first_;
  fs::path second_;
};

TEST_F(TidyKeysTest, AreOfAllThatTheSourceIncludesOfTheProject) {
  auto files = TidyKeys(first_, "").read_for("src/a/a.cpp", {"src"});
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_THAT(*files, UnorderedElementsAre("src/a/a.cpp", "src/a/a.hpp", "src/a/near.hpp"));
}

TEST_F(TidyKeysTest, AreTheSameInEveryCheckout) { EXPECT_EQ(key(first_), key(second_)); }

TEST_F(TidyKeysTest, ChangeWithWhatIsRead) {
  write(first_, "src/a/near.hpp", "#include \"a/a.hpp\"\n// more\n");
  EXPECT_NE(key(first_), key(second_));
}

TEST_F(TidyKeysTest, ChangeWithAHeaderThatComesToBeThere) {
  write(first_, "src/not_ours.h", "");
  EXPECT_NE(key(first_), key(second_));
}

TEST_F(TidyKeysTest, DoNotChangeWithWhatIsNotRead) {
  write(first_, "src/a/other.hpp", "// more\n");
  EXPECT_EQ(key(first_), key(second_));
}

TEST_F(TidyKeysTest, ChangeWithTheOptionsAndTheVersion) {
  EXPECT_NE(key(first_), key(first_, "-DX=2"));
  EXPECT_NE(key(first_), key(first_, "-DX=1", "other version"));
}

TEST_F(TidyKeysTest, ChangeWithTheChecksOfEachDirectoryAbove) {
  const std::string none = key(first_);
  write(first_, "src/b/.clang-tidy", "Checks: x\n");
  EXPECT_EQ(key(first_), none);
  write(first_, "src/a/.clang-tidy", "Checks: y\n");
  const std::string own = key(first_);
  EXPECT_NE(own, none);
  write(first_, ".clang-tidy", "Checks: z\n");
  EXPECT_NE(key(first_), own);
}

TEST_F(TidyKeysTest, ASourceThatIsNotThereIsAnError) {
  EXPECT_FALSE(TidyKeys(first_, "").key({.file = "src/a/b.cpp", .commands = {}}));
}

TEST(OptionsOf, AreThoseThatDecideHowASourceIsRead) {
  EXPECT_THAT(options_of("/usr/bin/ccache /usr/bin/c++ -DA=\"x\" -I/co/src -O2 "
                         "-ffile-prefix-map=/co=. -o a.o -c /co/src/a.cpp",
                         "/co"),
              ElementsAre("-DA=\"x\"", "-I./src", "-O2", "-ffile-prefix-map=.=."));
}

} // namespace
} // namespace linstub::tools
