// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "run/directory.hpp"
#include "stubdom/vif_link.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace linstub::stubdom {
namespace {

namespace fs = std::filesystem;

// As Linux has it for netback's device of domain 9's vif 1.
class VifLinkOf : public ::testing::Test {
protected:
  VifLinkOf() {
    EXPECT_TRUE(run::make_directory());
    fs::remove_all(sysfs);
    fs::create_directories(net);
  }
  void has(const std::string &attribute, const std::string &value) {
    EXPECT_TRUE(base::replace_file(net / "web-emu" / attribute, value + "\n"));
  }
  void has_interface() {
    fs::create_directories(net / "web-emu");
    has("ifindex", "12");
    has("mtu", "9000");
    has("flags", "0x1103");
  }
  auto find() { return find_vif_link(sysfs, xen::DomId{9}, 1); }

  const fs::path sysfs = fs::path(run::directory()) / "sysfs";
  const fs::path net = sysfs / "bus/xen-backend/devices/vif-9-1/net";
};

TEST_F(VifLinkOf, AStubDomainIsFoundWhateverItsNameIs) {
  has_interface();
  EXPECT_EQ(find().value(), (VifLink{.number = 12, .name = "web-emu", .up = true, .mtu = 9000}));
  has("flags", "0x1002");
  EXPECT_FALSE(find().value()->up);
}

TEST_F(VifLinkOf, ABridgeAndOfASwitchAreToldApart) {
  has_interface();
  fs::create_symlink("../../../../../virtual/net/br0", net / "web-emu/master");
  EXPECT_EQ(find().value()->master, "br0");
  EXPECT_FALSE(find().value()->on_bridge);
  fs::create_directory(net / "web-emu/brport");
  EXPECT_TRUE(find().value()->on_bridge);
}

TEST_F(VifLinkOf, OneThatIsGoneIsNone) {
  EXPECT_EQ(find().value(), std::nullopt) << "its interface is in another network namespace";
  fs::remove_all(sysfs);
  EXPECT_EQ(find().value(), std::nullopt);
}

TEST_F(VifLinkOf, NumbersThatAreNoneIsAnError) {
  has_interface();
  for (const char *bad : {"", "x", "12 ", "-1", "99999999999"}) {
    has("mtu", bad);
    EXPECT_FALSE(find()) << bad;
  }
}

} // namespace
} // namespace linstub::stubdom
