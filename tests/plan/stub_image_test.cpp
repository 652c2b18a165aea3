#include "plan/stub_image.hpp"

#include <gmock/gmock.h>

namespace linstub::plan {
namespace {

using testing::HasSubstr;

TEST(Manifest, NamesWhatIsMissing) {
  auto manifest =
      parse_manifest(R"({"version":"0.1","xen":"4.20","kernel":{"size":5},"ramdisk":{"size":6}})");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->xen, "4.20");
  EXPECT_EQ(manifest->ramdisk_size, 6);
  EXPECT_THAT(parse_manifest(R"({"version":"0.1"})").error().message(), HasSubstr("xen"));
  EXPECT_FALSE(parse_manifest("torn"));
}

TEST(Image, ThatIsNotThereIsSaidToBeMissing) {
  EXPECT_THAT(check_image("/nonexistent", "4.20").error().message(),
              HasSubstr("no stub domain image"));
}

} // namespace
} // namespace linstub::plan
