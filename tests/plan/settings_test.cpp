// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "plan/settings.hpp"

#include <gmock/gmock.h>

namespace linstub::plan {
namespace {

using testing::HasSubstr;

TEST(Settings, AreSetByKey) {
  Settings settings;
  ASSERT_TRUE(set_all(settings, "memory=96,log-level=debug,image=/image"));
  EXPECT_EQ(settings.memory, 96);
  EXPECT_EQ(settings.log_level, base::LogLevel::debug);
  EXPECT_EQ(settings.image, "/image");
  EXPECT_EQ(settings.largest_disk, uint64_t{2} << 40);
  ASSERT_TRUE(set_all(settings, "largest-disk=500G"));
  EXPECT_EQ(settings.largest_disk, uint64_t{500} << 30);
}

TEST(Settings, NameTheKnownKeysWhenOneIsUnknown) {
  Settings settings;
  auto done = set_all(settings, "memroy=96");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("memroy"));
  EXPECT_THAT(done.error().message(), HasSubstr("image, memory, log-level, kernel-options"));
}

TEST(Settings, RefuseBadValuesWithAReason) {
  Settings settings;
  for (const char *bad :
       {"memory=8", "memory=-1", "memory=lots", "memory=99999999", "log-level=loud",
        "image=relative", "largest-disk=0", "largest-disk=big", "memory", "nothing"}) {
    EXPECT_FALSE(set_all(settings, bad)) << bad;
  }
  EXPECT_THAT(set_all(settings, "memory=8").error().message(), HasSubstr("at least 32 MiB"));
}

class SettingsFile : public testing::Test {
protected:
  base::Result<Settings> load(std::string_view text) {
    EXPECT_TRUE(base::replace_file(path_, text));
    return load_settings(path_);
  }
  std::string path_ = testing::TempDir() + "linstub-settings-test.toml";
};

TEST_F(SettingsFile, IsTomlWithTheSameKeys) {
  auto settings = load("memory = 80\nlog-level = \"error\"\n");
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->memory, 80);
  EXPECT_EQ(settings->log_level, base::LogLevel::error);
}

TEST_F(SettingsFile, MayBeAbsent) {
  auto settings = load_settings("/nonexistent/linstub.toml");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->memory, 56);
}

TEST_F(SettingsFile, IsRefusedWithItsNameAndWhatIsWrong) {
  EXPECT_THAT(load("memory = \n").error().message(), HasSubstr(path_));
  EXPECT_THAT(load("colour = 1\n").error().message(), HasSubstr("colour"));
  EXPECT_THAT(load("memory = 1.5\n").error().message(), HasSubstr("memory"));
}

} // namespace
} // namespace linstub::plan
