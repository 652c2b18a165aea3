// SPDX-License-Identifier: MIT
#include "image/apt.hpp"
#include "image/command_step.hpp"
#include "image/image_inputs.hpp"
#include "image/packages.hpp"
#include "image/recipe.hpp"
#include "image/temporary.hpp"

#include <gmock/gmock.h>

namespace linstub::image {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(KernelOptions, ThoseThatDidNotComeTrueAreNamed) {
  EXPECT_THAT(missing_options("# a comment\n"
                              "CONFIG_XEN=y\n"
                              "CONFIG_TUN=y\n"
                              "# CONFIG_SMP is not set\n"
                              "# CONFIG_PM is not set\n"
                              "CONFIG_LOG_BUF_SHIFT=15\n",
                              "CONFIG_XEN=y\n"
                              "# CONFIG_TUN is not set\n"
                              "CONFIG_PM=y\n"
                              "CONFIG_LOG_BUF_SHIFT=17\n"),
              ElementsAre("CONFIG_TUN=y", "# CONFIG_PM is not set", "CONFIG_LOG_BUF_SHIFT=15"));
}

TEST(QemuOptions, AreTheLinesWithoutComments) {
  EXPECT_THAT(option_lines("# why\n--enable-xen\n\n--prefix=/usr\n"),
              ElementsAre("--enable-xen", "--prefix=/usr"));
}

TEST(Apt, SourcesAreThoseOfTheSuiteAndItsUpdates) {
  EXPECT_EQ(source_lines("trixie",
                         "http://deb.debian.org/debian/ trixie main /usr/share/k.gpg\n"
                         "http://deb.debian.org/debian/ trixie contrib /usr/share/k.gpg\n"
                         "http://deb.debian.org/debian/ trixie-backports main /usr/share/k.gpg\n"
                         "http://deb.debian.org/debian/ sid main /usr/share/k.gpg\n"
                         "http://deb.debian.org/debian-security/ trixie-security main \n"),
            "deb-src [signed-by=/usr/share/k.gpg] http://deb.debian.org/debian/ trixie main\n"
            "deb-src http://deb.debian.org/debian-security/ trixie-security main\n");
}

TEST(XenRelease, IsTakenFromThePackageVersion) {
  EXPECT_EQ(*xen_release("4.20.4+63-g7abfd2bce2-0+deb13u1"), "4.20");
  EXPECT_EQ(*xen_release("4.17.5-1"), "4.17");
  EXPECT_EQ(*xen_release("4.21-1"), "4.21");
  for (const char *wrong : {"", "4", "4.", "x.y", ".5"})
    EXPECT_FALSE(xen_release(wrong)) << wrong;
}

TEST(Tools, ThoseThatAreMissingAreNamedWithTheirPackages) {
  EXPECT_TRUE(check_tools({{"sh", "dash"}}, "the build"));
  auto result =
      check_tools({{"no-such-gcc", "gcc"}, {"sh", "dash"}, {"no-flex", "flex"}}, "the build");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(),
            "the build needs programs that are not here: no-such-gcc, no-flex; install them with "
            "\"apt-get install gcc flex\"");
}

TEST(Packages, OneThatIsNotInstalledIsNamed) {
  auto result = installed_packages({"dpkg", "no-such-package"}, "the build");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("apt-get install no-such-package"));
  auto dpkg = installed_packages({"dpkg"}, "the build");
  ASSERT_TRUE(dpkg) << dpkg.error().message();
  EXPECT_EQ(dpkg->front().name, "dpkg");
  EXPECT_FALSE(dpkg->front().version.empty());
}

TEST(ProgressReader, UnderstandsNinjaAndTheKernelsMake) {
  auto ninja = ProgressReader::ninja();
  auto progress = ninja.line("[17/1317] Compiling C object x.o");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->done, 17);
  EXPECT_EQ(progress->total, 1317);
  for (const char *line : {"", "[", "[1", "[1/", "[1/2", "[x/2]", "[1/0] y", "warning: [1/2]"})
    EXPECT_FALSE(ninja.line(line)) << line;

  auto make = ProgressReader::kernel_make(2);
  EXPECT_FALSE(make.line("make[1]: Entering directory"));
  EXPECT_EQ(make.line("  CC      a.o")->done, 1);
  EXPECT_EQ(make.line("  CC      b.o")->total, 2);
  EXPECT_EQ(make.line("  LD      c")->total, 3); // more than was estimated
  EXPECT_FALSE(ProgressReader::none().line("[1/2]"));
}

TEST(Step, AFailureTellsWhyAndWhereTheLogIs) {
  const auto directory = TemporaryDirectory::make(fs::temp_directory_path());
  const fs::path log = directory->path() / "log";
  auto result = run_step({.what = "compile it",
                          .command = {.argv = {"sh", "-c",
                                               "echo fine; echo 'x.c:1: error: no'; echo more;"
                                               "exit 3"}},
                          .log = log,
                          .limit = std::chrono::seconds(10)});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("compile it: sh exited with status 3"));
  EXPECT_THAT(result.error().message(), HasSubstr("x.c:1: error: no"));
  EXPECT_THAT(result.error().message(), Not(HasSubstr("fine")));
  EXPECT_THAT(result.error().message(), HasSubstr(log.string()));
}

TEST(Step, AProgramThatIsMissingIsNamed) {
  const auto directory = TemporaryDirectory::make(fs::temp_directory_path());
  auto result = run_step({.what = "compile it",
                          .command = {.argv = {"no-such-compiler"}},
                          .log = directory->path() / "log",
                          .limit = std::chrono::seconds(10)});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("no-such-compiler"));
}

TEST(Step, OneThatTakesTooLongIsEnded) {
  const auto directory = TemporaryDirectory::make(fs::temp_directory_path());
  auto result = run_step({.what = "wait",
                          .command = {.argv = {"sleep", "60"}},
                          .log = directory->path() / "log",
                          .limit = std::chrono::milliseconds(200)});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("wait: not done after"));
}

} // namespace
} // namespace linstub::image
