// SPDX-License-Identifier: MIT
#include "fake/stub_image.hpp"
#include "manifest/stub_image.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

namespace linstub::manifest {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class StubImage : public testing::Test {
protected:
  StubImage() { fake::put_image(directory_); }
  ~StubImage() override { fs::remove_all(directory_); }

  void put(const char *name, const std::string &content) const {
    ASSERT_TRUE(base::replace_file(directory_ / name, content));
  }
  [[nodiscard]] std::string error() const {
    auto image = check_image(directory_, "4.20");
    return image ? "" : image.error().message();
  }
  [[nodiscard]] const fs::path &directory() const { return directory_; }

private:
  static fs::path make() {
    std::string path = fs::temp_directory_path() / "stub-image-XXXXXX";
    return ::mkdtemp(path.data());
  }
  fs::path directory_ = make();
};

TEST_F(StubImage, ThatIsSoundIsHeldOpen) {
  auto image = check_image(directory(), "4.20");
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(image->identity.version, "0.9");
  EXPECT_EQ(image->identity.ramdisk.size, 14);
  fs::remove(directory() / "kernel");
  fs::remove(directory() / "system");
  EXPECT_EQ(fs::file_size(image->kernel()), 0x300);
  EXPECT_EQ(fs::file_size(image->system()), 0x1000);
}

TEST_F(StubImage, ThatIsNotThereIsSaidToBeMissing) {
  EXPECT_THAT(check_image("/nonexistent", "4.20").error().message(),
              HasSubstr("no stub domain image"));
  fs::remove(directory() / "ramdisk");
  EXPECT_THAT(error(), HasSubstr("has no ramdisk"));
  fs::remove(directory() / "kernel");
  EXPECT_THAT(error(), HasSubstr("has no kernel"));
}

TEST_F(StubImage, ThatIsForAnotherXenIsRefused) {
  EXPECT_THAT(check_image(directory(), "4.17").error().message(),
              HasSubstr("was built for Xen 4.20, and this host runs Xen 4.17"));
}

TEST_F(StubImage, WhosePartsAreNotThoseOfItsManifestIsRefused) {
  put("system", "no file system");
  EXPECT_THAT(error(), HasSubstr("system is not an EROFS file system"));
  put("init", "no ramdisk");
  EXPECT_THAT(error(), HasSubstr("init is not a zstd-compressed ramdisk"));
  put("ramdisk", "\x28\xb5\x2f\xfd");
  EXPECT_THAT(error(), HasSubstr("truncated"));
  put("ramdisk", "no ramdisk");
  EXPECT_THAT(error(), HasSubstr("not a zstd-compressed ramdisk"));
  put("kernel", "no kernel");
  EXPECT_THAT(error(), HasSubstr("not a Linux kernel"));
}

TEST_F(StubImage, WhoseManifestIsIncompleteSaysWhatIsMissing) {
  put("manifest.json", R"({"format":3,"version":"0.1"})");
  EXPECT_THAT(error(), HasSubstr("xen"));
  put("manifest.json", "torn");
  EXPECT_THAT(error(), HasSubstr("manifest.json"));
}

} // namespace
} // namespace linstub::manifest
