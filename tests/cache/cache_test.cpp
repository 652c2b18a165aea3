// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "cache/cache.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

namespace linstub::cache {
namespace {

namespace fs = std::filesystem;

class CacheTest : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "linstub-cache-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST(Key, DiffersWhenAnyInputDoes) {
  EXPECT_EQ(Key().add("a", "1").text(), Key().add("a", "1").text());
  EXPECT_NE(Key().add("a", "1").text(), Key().add("a", "2").text());
  EXPECT_NE(Key().add("a", "1").text(), Key().add("b", "1").text());
  EXPECT_NE(Key().add("a", "12").text(), Key().add("a1", "2").text());
  EXPECT_EQ(Key().text().size(), 16U);
}

TEST_F(CacheTest, KeyOfATreeFollowsNamesAndContents) {
  auto key = [&] {
    Key tree;
    EXPECT_TRUE(tree.add_tree("tree", root_));
    return tree.text();
  };
  ASSERT_TRUE(base::replace_file(root_ / "one", "1"));
  std::string first = key();
  ASSERT_TRUE(base::replace_file(root_ / "one", "2"));
  std::string second = key();
  fs::rename(root_ / "one", root_ / "two");
  EXPECT_NE(first, second);
  EXPECT_NE(second, key());
}

TEST_F(CacheTest, MakesAnEntryOnce) {
  Cache cache = Cache::open(root_).value();
  int made = 0;
  auto make = [&](const fs::path &directory) -> base::Result<> {
    made++;
    return base::replace_file(directory / "file", "content");
  };
  Key key;
  EXPECT_TRUE(cache.find("kernel", key).empty());
  fs::path path = cache.get("kernel", key, make).value();
  EXPECT_EQ(cache.get("kernel", key, make).value(), path);
  EXPECT_EQ(cache.find("kernel", key), path);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(base::read_file(path / "file", 100).value(), "content");
}

TEST_F(CacheTest, FailedEntryIsNotThere) {
  Cache cache = Cache::open(root_).value();
  Key key;
  auto failed = cache.get("qemu", key, [](const fs::path &directory) -> base::Result<> {
    TRY(base::replace_file(directory / "half", "made"));
    return base::fail("no space");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "no space");
  EXPECT_TRUE(cache.find("qemu", key).empty());
}

TEST_F(CacheTest, KeepsOnlyTheNewestOfAKind) {
  Cache cache = Cache::open(root_).value();
  auto make = [](const fs::path &) -> base::Result<> { return {}; };
  for (int i = 0; i < 5; i++)
    ASSERT_TRUE(cache.get("dom0", Key().add("number", std::to_string(i)), make));
  ASSERT_TRUE(cache.get("dom0-snapshot", Key(), make));
  size_t kept = 0;
  for (int i = 0; i < 5; i++)
    kept += cache.find("dom0", Key().add("number", std::to_string(i))).empty() ? 0 : 1;
  EXPECT_EQ(kept, 3U);
  EXPECT_FALSE(cache.find("dom0", Key().add("number", "4")).empty());
  EXPECT_FALSE(cache.find("dom0-snapshot", Key()).empty());
}

} // namespace
} // namespace linstub::cache
