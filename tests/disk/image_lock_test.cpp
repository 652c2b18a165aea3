// SPDX-License-Identifier: MIT
// The other side of the locks are Debian's qemu-io and qemu-img: what they can open and what not.
#include "base/process.hpp"
#include "disk/image_lock.hpp"
#include "run/directory.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace linstub::disk {
namespace {

using std::chrono::seconds;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class Locked : public testing::Test {
protected:
  Locked() {
    EXPECT_TRUE(run::make_directory());
    EXPECT_TRUE(base::replace_file(image, std::string(1 << 20, '\0')));
  }

  // What they say.
  static std::string run(std::vector<std::string> program) {
    auto ran = base::run({.argv = std::move(program)}, base::Deadline::after(seconds(20)));
    return ran ? ran->out + ran->err : ran.error().message();
  }
  [[nodiscard]] std::string write() const {
    return run({"qemu-io", "-f", "raw", "-c", "write 0 512", image});
  }
  [[nodiscard]] std::string read() const {
    return run({"qemu-img", "convert", "-f", "raw", "-O", "raw", image, image + ".copy"});
  }

  const std::string image = base::format("{}/disk.img", run::directory());
};

constexpr const char *taken = "Failed to get";

TEST_F(Locked, ByAWriterKeepsQemusToolsOff) {
  {
    auto lock = ImageLock::take(image, DiskMode::read_write);
    ASSERT_TRUE(lock) << lock.error().message();
    EXPECT_THAT(write(), HasSubstr(taken));
    EXPECT_THAT(read(), HasSubstr(taken));
  }
  EXPECT_THAT(write(), HasSubstr("wrote 512/512 bytes"));
}

TEST_F(Locked, ByAReaderLetsQemusToolsRead) {
  auto lock = ImageLock::take(image, DiskMode::read_only);
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_EQ(read(), "");
  EXPECT_THAT(write(), HasSubstr(taken));
}

TEST_F(Locked, OnlyReadersShareAnImage) {
  struct Case {
    DiskMode first, second;
    bool both;
  };
  for (const auto &[first, second, both] :
       {Case{DiskMode::read_only, DiskMode::read_only, true},
        Case{DiskMode::read_only, DiskMode::read_write, false},
        Case{DiskMode::read_write, DiskMode::read_only, false},
        Case{DiskMode::read_write, DiskMode::read_write, false}}) {
    auto one = ImageLock::take(image, first);
    ASSERT_TRUE(one) << one.error().message();
    auto other = ImageLock::take(image, second);
    EXPECT_EQ(other.has_value(), both);
    if (!other) {
      EXPECT_EQ(other.error().code(), EBUSY);
    }
  }
  EXPECT_TRUE(ImageLock::take(image, DiskMode::read_write)) << "all have let go";
}

TEST_F(Locked, BySomebodyElseSaysWho) {
  auto commands = base::make_pipe(); // none: it waits
  ASSERT_TRUE(commands);
  auto other = base::start(
      {.argv = {"qemu-io", "-f", "raw", image}, .standard_input = commands->read.get()});
  ASSERT_TRUE(other) << other.error().message();
  base::Result<ImageLock> lock = ImageLock::take(image, DiskMode::read_write);
  const auto deadline = base::Deadline::after(seconds(20));
  while (lock && !deadline.passed()) {
    lock = base::fail("nobody has it");
    ::usleep(50'000);
    lock = ImageLock::take(image, DiskMode::read_write);
  }
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().message(),
              ContainsRegex("disk image .*/disk.img: qemu-io \\(process [0-9]+\\) has it"));
}

TEST_F(Locked, AnImageThatIsNotThereIsNamed) {
  auto lock = ImageLock::take(image + "x", DiskMode::read_only);
  ASSERT_FALSE(lock);
  EXPECT_THAT(lock.error().message(), HasSubstr("disk.imgx: No such file"));
}

} // namespace
} // namespace linstub::disk
