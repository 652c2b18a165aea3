#include "run/status.hpp"

#include <gmock/gmock.h>

namespace linstub::run {
namespace {

TEST(Status, ComesBackAsItWas) {
  Status status{.guest = "g",
                .domid = xen::DomId{3},
                .stub_domain = xen::DomId{4},
                .pid = 9,
                .phase = "serving",
                .image = "/i",
                .version = "1",
                .memory = 64,
                .since = 5,
                .error = "e"};
  EXPECT_EQ(decode_status(encode(status)), status);
  status.stub_domain.reset();
  EXPECT_EQ(decode_status(encode(status)), status);
}

TEST(Status, HasAFileNameThatStaysInItsDirectory) {
  EXPECT_EQ(status_path("web-1"), "/run/linstub/web-1.status");
  EXPECT_EQ(status_path("../x y"), "/run/linstub/%2e.%2fx%20y.status");
}

} // namespace
} // namespace linstub::run
