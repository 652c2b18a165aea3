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
  EXPECT_EQ(settings.display, Display::bytes);
  ASSERT_TRUE(set_all(settings, "display=pixels"));
  EXPECT_EQ(settings.display, Display::pixels);
  ASSERT_TRUE(set_all(settings, "display=bytes"));
  EXPECT_EQ(settings.display, Display::bytes);
  EXPECT_EQ(settings.largest_disk, uint64_t{500} << 30);
  EXPECT_EQ(settings.type, xen::DomainType::pv);
  ASSERT_TRUE(set_all(settings, "type=pvh"));
  EXPECT_EQ(settings.type, xen::DomainType::pvh);
  ASSERT_TRUE(set_all(settings, "type=pv"));
  EXPECT_EQ(settings.type, xen::DomainType::pv);
}

TEST(Settings, OfATpmAreOneGuestsAlone) {
  Settings settings;
  ASSERT_TRUE(set_all(settings, "tpm=/var/lib/g.tpm"));
  EXPECT_EQ(settings.tpm, "/var/lib/g.tpm");
  const std::string file = testing::TempDir() + "linstub-tpm.toml";
  ASSERT_TRUE(base::replace_file(file, "tpm = \"/var/lib/g.tpm\"\n"));
  const auto loaded = load_settings(file);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message(), HasSubstr("\"-linstub\", \"tpm=/var/lib/g.tpm\""));
}

TEST(Settings, NameTheKnownKeysWhenOneIsUnknown) {
  Settings settings;
  auto done = set_all(settings, "memroy=96");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("memroy"));
  EXPECT_THAT(done.error().message(),
              HasSubstr("image, memory, type, log-level, kernel-options, portable-state"));
}

TEST(Settings, RefuseBadValuesWithAReason) {
  Settings settings;
  for (const char *bad :
       {"memory=8", "memory=-1", "memory=lots", "memory=99999999", "log-level=loud",
        "image=relative", "largest-disk=0", "largest-disk=big", "memory", "nothing", "display",
        "display=vnc", "type=hvm", "type", "portable-state", "portable-state=maybe",
        "portable-state=1", "tpm", "tpm=2.0"}) {
    EXPECT_FALSE(set_all(settings, bad)) << bad;
  }
  EXPECT_THAT(set_all(settings, "memory=8").error().message(), HasSubstr("at least 28 MiB"));
}

// The numbers stand in linstub.toml(5), too.
TEST(Settings, LimitWhatAStubDomainTakesOfTheHost) {
  Settings settings;
  EXPECT_EQ(settings.limits, (xen::DomainLimits{.cpu_weight = 256,
                                                .cpu_cap = 0,
                                                .max_grant_frames = 32,
                                                .max_maptrack_frames = 16,
                                                .max_event_channels = 511}));
  ASSERT_TRUE(set_all(settings, "cpu-weight=64,cpu-cap=50,max-grant-frames=8,"
                                "max-maptrack-frames=0,max-event-channels=100"));
  EXPECT_EQ(settings.limits, (xen::DomainLimits{.cpu_weight = 64,
                                                .cpu_cap = 50,
                                                .max_grant_frames = 8,
                                                .max_maptrack_frames = 0,
                                                .max_event_channels = 100}));
}

// With these no stub domain would come up, or Xen would refuse it later and with fewer words.
TEST(Settings, RefuseLimitsThatCannotBe) {
  Settings settings;
  for (const char *bad :
       {"cpu-weight=0", "cpu-weight=65536", "cpu-cap=101", "cpu-cap=-1", "cpu-cap=half",
        "max-grant-frames=3", "max-grant-frames=1025", "max-maptrack-frames=4294967295",
        "max-event-channels=63", "max-event-channels=4096", "cap=50"})
    EXPECT_FALSE(set_all(settings, bad)) << bad;
  EXPECT_EQ(set_all(settings, "cpu-cap=400").error().message(),
            "setting cpu-cap: \"400\" is not a percentage of one CPU (0: no cap) from 0 to 100");
  EXPECT_EQ(settings.limits, xen::DomainLimits{});
}

TEST(Settings, LetNoQemuInDom0ReadAStateUnlessSomebodySaysSo) {
  Settings settings;
  EXPECT_EQ(settings.saved_form, disk::SavedForm::marked);
  ASSERT_TRUE(set_all(settings, "portable-state=yes"));
  EXPECT_EQ(settings.saved_form, disk::SavedForm::plain);
  ASSERT_TRUE(set_all(settings, "portable-state=no"));
  EXPECT_EQ(settings.saved_form, disk::SavedForm::marked);
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

TEST_F(SettingsFile, HasTheLimitsInATableOfTheirOwn) {
  auto settings = load("memory = 80\n[limits]\ncpu-weight = 128\nmax-grant-frames = 48\n");
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->memory, 80);
  EXPECT_EQ(settings->limits.cpu_weight, 128U);
  EXPECT_EQ(settings->limits.max_grant_frames, 48U);
  EXPECT_EQ(load("cpu-weight = 128\n").error().message(),
            path_ + ": setting cpu-weight belongs in the table [limits]");
  EXPECT_THAT(load("[limits]\nmemory = 80\n").error().message(),
              HasSubstr("setting memory belongs in no table"));
  EXPECT_THAT(load("[limits]\ncpu-weigth = 1\n").error().message(), HasSubstr("cpu-weigth"));
  EXPECT_THAT(load("[limit]\ncpu-weight = 1\n").error().message(), HasSubstr("limit"));
  EXPECT_THAT(load("limits = 5\n").error().message(), HasSubstr("limits"));
  EXPECT_THAT(load("[limits.limits]\ncpu-weight = 1\n").error().message(), HasSubstr("limits"));
}

TEST_F(SettingsFile, TakesTrueAndFalseForYesAndNo) {
  EXPECT_EQ(load("portable-state = true\n")->saved_form, disk::SavedForm::plain);
  EXPECT_EQ(load("portable-state = \"yes\"\n")->saved_form, disk::SavedForm::plain);
  EXPECT_EQ(load("portable-state = false\n")->saved_form, disk::SavedForm::marked);
}

TEST_F(SettingsFile, MayBeAbsent) {
  auto settings = load_settings("/nonexistent/linstub.toml");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->memory, 32);
}

TEST_F(SettingsFile, IsRefusedWithItsNameAndWhatIsWrong) {
  EXPECT_THAT(load("memory = \n").error().message(), HasSubstr(path_));
  EXPECT_THAT(load("colour = 1\n").error().message(), HasSubstr("colour"));
  EXPECT_THAT(load("memory = 1.5\n").error().message(), HasSubstr("memory"));
}

} // namespace
} // namespace linstub::plan
