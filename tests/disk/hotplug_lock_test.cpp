// SPDX-License-Identifier: MIT
// The other side of the lock is a shell that does what Xen's locking.sh does.
#include "base/process.hpp"
#include "disk/hotplug_lock.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

namespace linstub::disk {
namespace {

using std::chrono::seconds;

// claim_lock and release_lock, with the file in $1 (Xen's tools/hotplug/Linux/locking.sh).
constexpr const char *script = R"(
claim() {
  while true; do
    exec 200<>"$1"
    flock -x 200 || return
    both=$(stat -L -c '%D.%i' /dev/stdin "$1" 0<&200 2>/dev/null) &&
      [ "${both%
*}" = "${both#*
}" ] && return
    exec 200<&-
  done
}
release() { rm "$1"; exec 200<&-; }
)";

class HotplugLockTest : public testing::Test {
protected:
  ~HotplugLockTest() override { std::filesystem::remove_all(directory); }

  // A shell that has the two functions, and runs that.
  base::Child start(const std::string &what) {
    auto child = base::start({.argv = {"bash", "-c", script + what, "bash", file}});
    EXPECT_TRUE(child) << child.error().message();
    return std::move(*child);
  }
  static bool succeeds(base::Child &child) {
    auto ended = child.wait(base::Deadline::after(seconds(60)));
    return ended && ended->success();
  }
  base::Result<HotplugLock> take(base::Milliseconds patience) {
    return HotplugLock::take(directory, base::Deadline::after(patience));
  }
  void until_there(const std::string &name) {
    const auto late = base::Deadline::after(seconds(60));
    while (!std::filesystem::exists(directory / name) && !late.passed())
      ::usleep(5'000);
  }
  static std::filesystem::path make() {
    std::string name = (std::filesystem::temp_directory_path() / "hotplugXXXXXX").string();
    return ::mkdtemp(name.data());
  }

  const std::filesystem::path directory = make();
  const std::string file = directory / "block";
};

TEST_F(HotplugLockTest, MakesTheDirectoryAndLeavesNoFile) {
  const std::filesystem::path missing = directory / "xen-hotplug";
  {
    auto lock = HotplugLock::take(missing, base::Deadline::after(seconds(1)));
    ASSERT_TRUE(lock) << lock.error().message();
    EXPECT_TRUE(std::filesystem::exists(missing / "block"));
  }
  EXPECT_FALSE(std::filesystem::exists(missing / "block"));
  EXPECT_FALSE(HotplugLock::take("/proc/none", base::Deadline::after(seconds(1))));
}

TEST_F(HotplugLockTest, TheScriptKeepsItFromUs) {
  base::Child shell = start(R"(claim "$1"; : >"$1.held"; exec sleep 60)");
  until_there("block.held");
  auto lock = take(base::Milliseconds(50));
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code(), ETIMEDOUT);
  shell.kill(SIGKILL);
  EXPECT_FALSE(succeeds(shell));
  EXPECT_TRUE(take(seconds(60))) << "a file that is left is no lock";
}

TEST_F(HotplugLockTest, WeKeepItFromTheScript) {
  auto lock = std::make_unique<HotplugLock>(take(seconds(60)).value());
  base::Child shell =
      start(R"(exec 201<>"$1"; ! flock -n 201 && : >"$1.tried"; claim "$1"; release "$1")");
  until_there("block.tried");
  EXPECT_TRUE(std::filesystem::exists(directory / "block.tried"));
  lock.reset();
  EXPECT_TRUE(succeeds(shell)) << "it waits for a file whose name we have taken away";
  EXPECT_FALSE(std::filesystem::exists(file));
}

// Each adds 1 to a number, which is lost if two do it at a time.
TEST_F(HotplugLockTest, OneAtATimeHasIt) {
  constexpr int times = 40;
  const std::string number = directory / "number";
  std::ofstream(number) << 0;
  base::Child shell = start(base::format(
      R"(for ((i = 0; i < {}; i++)); do claim "$1"; n=$(<"{}"); echo $((n + 1)) >"{}"; release "$1"; done)",
      times, number, number));
  for (int i = 0; i < times; i++) {
    auto lock = take(seconds(60));
    ASSERT_TRUE(lock) << lock.error().message();
    int value = 0;
    std::ifstream(number) >> value;
    ::usleep(1'000);
    std::ofstream(number) << value + 1;
  }
  ASSERT_TRUE(succeeds(shell));
  int value = 0;
  std::ifstream(number) >> value;
  EXPECT_EQ(value, 2 * times);
}

} // namespace
} // namespace linstub::disk
