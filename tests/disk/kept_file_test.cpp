// SPDX-License-Identifier: MIT
#include "disk/kept_file.hpp"
#include "run/directory.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace linstub::disk {
namespace {

class Kept : public testing::Test {
protected:
  Kept() {
    EXPECT_TRUE(run::make_directory());
    EXPECT_TRUE(base::replace_file(path, "the medium"));
  }
  KeptFile keep() const { return KeptFile::keep(base::open_file(path, O_RDONLY).value()).value(); }
  static std::string content(const KeptFile &file) {
    return base::read_file(file.path(), 100).value_or("(cannot be read)");
  }
  static std::string at(const char *name) { return base::format("{}/{}", run::directory(), name); }

  const std::string path = at("medium.iso");
};

TEST_F(Kept, IsReachedByItsPathThoughWhoOpenedItHasClosedIt) {
  const KeptFile file = keep();
  EXPECT_EQ(content(file), "the medium");
  EXPECT_EQ(content(file), "the medium") << "from its start, each time";
  EXPECT_EQ(file.name(), path);
}

TEST_F(Kept, StaysTheSameFileWhateverIsPutInThePlaceOfItsName) {
  ASSERT_TRUE(base::replace_file(at("secret"), "a secret of dom0's"));
  const KeptFile file = keep();
  std::filesystem::remove(path);
  std::filesystem::create_symlink(at("secret"), path);
  EXPECT_EQ(content(file), "the medium");
  std::filesystem::remove(path);
  EXPECT_EQ(content(file), "the medium");
}

TEST_F(Kept, StaysTheSameFileWhenItIsRenamed) {
  const KeptFile file = keep();
  std::filesystem::rename(path, at("other.iso"));
  EXPECT_EQ(content(file), "the medium");
  EXPECT_EQ(file.name(), at("other.iso"));
}

TEST_F(Kept, CannotBeKeptIfItIsNotOpen) { EXPECT_FALSE(KeptFile::keep(base::Fd())); }

} // namespace
} // namespace linstub::disk
