// SPDX-License-Identifier: MIT
// The image under libxl's own Linux stub domain mode (Xen's docs/misc/stubdom.txt).
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;

constexpr int most_tries = 3;

class LibxlMode : public Scenario {};

TEST_F(LibxlMode, BootsAGuest) {
  // libxl's mode carries no kernel of dom0 into the stub domain: from the disk.
  GuestConfig config{.name = "t-libxl", .device_model = DeviceModel::libxl_stub};
  config.extra = {"vnc = 0"};
  auto guest = GuestRun::create(host(), config, seconds(180));
  // libxl gives a stub domain of its own 30 s to start, a QEMU in dom0 for its consoles included. A
  // host that is busy for a moment may need a second try; an image that never starts fails them
  // all.
  for (int tries = 1; tries < most_tries && why(guest).contains("startup timed out"); tries++)
    guest = GuestRun::create(host(), config, seconds(180));
  ASSERT_TRUE(guest) << why(guest);
  auto ready = guest->wait_for("+ ready", seconds(240));
  EXPECT_TRUE(ready) << why(ready);
}

} // namespace
} // namespace linstub::lab
