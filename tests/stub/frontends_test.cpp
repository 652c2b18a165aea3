// SPDX-License-Identifier: MIT
#include "stub/frontends.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace linstub::stub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// xenstore as a map, sysfs and /dev as directories.
class FrontendsTest : public testing::Test {
protected:
  static std::filesystem::path make_root() {
    std::string name = (std::filesystem::temp_directory_path() / "frontendsXXXXXX").string();
    std::filesystem::path made = ::mkdtemp(name.data());
    std::filesystem::create_directories(made / "dev");
    return made;
  }
  ~FrontendsTest() override { std::filesystem::remove_all(root); }

  base::Result<std::vector<std::string>> list(const std::string &node) {
    std::vector<std::string> names;
    for (const auto &[path, value] : nodes) {
      if (path.starts_with(node + "/"))
        names.push_back(
            path.substr(node.size() + 1, path.find('/', node.size() + 1) - node.size() - 1));
    }
    if (names.empty())
      return base::fail_errno(ENOENT, "list {}", node);
    return names;
  }
  base::Result<std::string> read(const std::string &node) {
    if (!nodes.contains(node))
      return base::fail_errno(ENOENT, "read {}", node);
    return nodes[node];
  }
  void kernel_makes(const std::string &device, const std::string &kind, const std::string &name) {
    std::filesystem::create_directories(root / "sys" / device / kind / name);
  }
  void node_appears(const std::string &name) { std::ofstream(root / "dev" / name); }

  std::filesystem::path root = make_root();
  std::map<std::string, std::string> nodes;
  Frontends frontends{{.list = [this](const std::string &node) { return list(node); },
                       .read = [this](const std::string &node) { return read(node); },
                       .sysfs = root / "sys",
                       .dev = root / "dev"},
                      ::getuid(),
                      {"1"},
                      {"xvdt"}};
};

TEST_F(FrontendsTest, NoDevicesAreReadyDevices) {
  EXPECT_THAT(frontends.scan().value(), IsEmpty());
}

TEST_F(FrontendsTest, ADiskIsReadyWhenItIsConnectedAndHasItsNode) {
  nodes["device/vbd/51712/state"] = "3";
  EXPECT_THAT(frontends.scan().value(),
              ElementsAre("disk 51712: its state is 3, not connected (4)"));
  nodes["device/vbd/51712/state"] = "4";
  EXPECT_THAT(frontends.scan().value(),
              ElementsAre("disk 51712: the kernel has made no block device for it"));
  kernel_makes("vbd-51712", "block", "xvda");
  EXPECT_THAT(frontends.scan().value(), ElementsAre(HasSubstr("dev/xvda is not there")));
  node_appears("xvda");
  EXPECT_THAT(frontends.scan().value(), IsEmpty());
}

TEST_F(FrontendsTest, ADiskThatIsKeptIsAwaitedAndNotHandedOver) {
  nodes["device/vbd/51712/state"] = "4";
  kernel_makes("vbd-51712", "block", "xvdt");
  EXPECT_THAT(frontends.scan().value(), ElementsAre(HasSubstr("xvdt is not there")));
  node_appears("xvdt");
  EXPECT_THAT(frontends.scan().value(), IsEmpty());
  EXPECT_THAT(frontends.disks(), IsEmpty());
}

TEST_F(FrontendsTest, DisksThatComeAndGoAreTold) {
  EXPECT_THAT(frontends.disks(), IsEmpty());
  nodes["device/vbd/51712/state"] = "4";
  kernel_makes("vbd-51712", "block", "xvda");
  ASSERT_TRUE(frontends.scan());
  EXPECT_THAT(frontends.disks(), IsEmpty()); // without its node
  node_appears("xvda");
  ASSERT_TRUE(frontends.scan());
  EXPECT_THAT(frontends.disks(), ElementsAre("xvda"));
  nodes.erase("device/vbd/51712/state");
  ASSERT_TRUE(frontends.scan());
  EXPECT_THAT(frontends.disks(), IsEmpty());
}

TEST_F(FrontendsTest, TheStateDiskIsNotForQemu) {
  nodes["device/vbd/268442112/state"] = "4";
  kernel_makes("vbd-268442112", "block", "xvdaa");
  EXPECT_THAT(frontends.scan().value(), ElementsAre(HasSubstr("dev/xvdaa is not there")));
  node_appears("xvdaa");
  EXPECT_THAT(frontends.scan().value(), IsEmpty());
  EXPECT_THAT(frontends.disks(), IsEmpty());
}

TEST_F(FrontendsTest, ANicIsReadyWhenItIsConnectedAndHasItsLink) {
  nodes["device/vif/0/state"] = "4";
  EXPECT_THAT(frontends.scan().value(),
              ElementsAre("NIC 0: the kernel has made no net device for it"));
  EXPECT_FALSE(frontends.link_of(0));
  kernel_makes("vif-0", "net", "eth0");
  EXPECT_THAT(frontends.scan().value(), IsEmpty());
  EXPECT_EQ(frontends.link_of(0).value(), "eth0");
}

TEST_F(FrontendsTest, OnlyTheConsolesThatAreNamedAreAwaited) {
  nodes["device/console/0/state"] = "1";
  nodes["device/console/2/state"] = "1";
  EXPECT_THAT(frontends.scan().value(), IsEmpty());
  nodes["device/console/1/state"] = "4";
  EXPECT_THAT(frontends.scan().value(), ElementsAre(HasSubstr("hvc1 is not there")));
  node_appears("hvc1");
  EXPECT_THAT(frontends.scan().value(), IsEmpty());
}

TEST_F(FrontendsTest, EveryDeviceThatIsMissingIsNamed) {
  nodes["device/vbd/51712/state"] = "2";
  nodes["device/vif/1/state"] = "garbage\x1b";
  EXPECT_THAT(
      frontends.scan().value(),
      ElementsAre(HasSubstr("disk 51712"), "NIC 1: its state is garbage?, not connected (4)"));
}

TEST_F(FrontendsTest, ADeviceWithoutANumberIsRefused) {
  nodes["device/vbd/../state"] = "4";
  EXPECT_FALSE(frontends.scan());
}

} // namespace
} // namespace linstub::stub
