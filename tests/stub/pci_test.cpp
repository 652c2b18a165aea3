// SPDX-License-Identifier: MIT
#include "stub/pci.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace linstub::stub {
namespace {

namespace fs = std::filesystem;

class PciDevicesTest : public ::testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/pci_test.XXXXXX";
    root = ::mkdtemp(name);
    fs::create_directories(root / "links");
    std::ofstream(root / "mem") << "memory";
  }
  void TearDown() override { fs::remove_all(root); }

  PciDevices devices() {
    return PciDevices(
        {.read = [this](const std::string &node) -> base::Result<std::optional<std::string>> {
           auto found = nodes.find(node);
           return found == nodes.end() ? std::nullopt : std::optional(found->second);
         },
         .links = root / "links",
         .devices = root / "pci-0",
         .memory = root / "mem",
         .mount = false});
  }

  void give(int number, const std::string &real, const std::string &here) {
    nodes["device/pci/0/backend"] = "/b";
    nodes["/b/num_devs"] = std::to_string(number + 1);
    nodes["/b/dev-" + std::to_string(number)] = real;
    nodes["/b/vdev-" + std::to_string(number)] = here;
  }

  fs::path scan(const std::string &local) { // what pcifront does
    fs::path directory = root / "pci-0/pci0000:00" / local;
    fs::create_directories(directory);
    std::ofstream(directory / "config") << "config of " << local;
    return directory;
  }

  std::string content(base::Result<base::Fd> fd) {
    if (!fd || !*fd)
      return "";
    std::array<char, 64> buffer{};
    ssize_t got = ::read(fd->get(), buffer.data(), buffer.size());
    return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))};
  }

  fs::path root;
  std::map<std::string, std::string> nodes;
};

TEST_F(PciDevicesTest, LinksADeviceUnderItsRealAddressOncePcifrontHasIt) {
  PciDevices pci = devices();
  ASSERT_TRUE(pci.look());
  EXPECT_EQ(pci.ready(), "");
  give(0, "0000:00:10.0", "0000:00:00.00");
  ASSERT_TRUE(pci.look());
  EXPECT_EQ(pci.ready(), "");
  fs::path directory = scan("0000:00:00.0");
  ASSERT_TRUE(pci.look());
  EXPECT_EQ(pci.ready(), "0000:00:10.0");
  EXPECT_EQ(fs::read_symlink(root / "links/0000:00:10.0"), directory);
  EXPECT_EQ(content(pci.open(root / "links/0000:00:10.0/config")), "config of 0000:00:00.0");
}

TEST_F(PciDevicesTest, FollowsTwoDevicesAndTheirRenumbering) {
  PciDevices pci = devices();
  give(0, "0000:00:10.0", "0000:00:00.00");
  give(1, "0000:00:11.0", "0000:00:01.00");
  scan("0000:00:00.0");
  scan("0000:00:01.0");
  ASSERT_TRUE(pci.look());
  EXPECT_EQ(pci.ready(), "0000:00:10.0 0000:00:11.0");
  give(0, "0000:00:11.0", "0000:00:01.00"); // the first has gone, the second moves up
  ASSERT_TRUE(pci.look());
  EXPECT_EQ(pci.ready(), "0000:00:11.0");
  EXPECT_FALSE(fs::exists(fs::symlink_status(root / "links/0000:00:10.0")));
  EXPECT_EQ(content(pci.open(root / "links/0000:00:11.0/config")), "config of 0000:00:01.0");
}

TEST_F(PciDevicesTest, OpensNothingWithoutADevice) {
  PciDevices pci = devices();
  ASSERT_TRUE(pci.look());
  EXPECT_EQ(content(pci.open("/dev/mem")), "");
  EXPECT_EQ(content(pci.open(root / "links/0000:00:10.0/config")), "");
}

TEST_F(PciDevicesTest, OpensTheMemoryForReadingOnly) {
  PciDevices pci = devices();
  give(0, "0000:00:10.0", "0000:00:00.00");
  scan("0000:00:00.0");
  ASSERT_TRUE(pci.look());
  auto memory = pci.open("/dev/mem");
  ASSERT_TRUE(memory && *memory);
  EXPECT_EQ(::fcntl(memory->get(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST_F(PciDevicesTest, OpensNothingElse) {
  PciDevices pci = devices();
  give(0, "0000:00:10.0", "0000:00:00.00");
  scan("0000:00:00.0");
  ASSERT_TRUE(pci.look());
  std::string links = root / "links";
  for (const std::string &path :
       {std::string(), std::string("/dev/null"), std::string("/config"), links, links + "/config",
        links + "config", links + "/0000:00:11.0/config", links + "/0000:00:10.0/resource0",
        links + "/0000:00:10.0/../0000:00:10.0/config", links + "/../mem"})
    EXPECT_EQ(content(pci.open(path)), "") << path;
}

TEST_F(PciDevicesTest, IsPossibleOnlyWithMemory) {
  EXPECT_TRUE(devices().possible());
  fs::remove(root / "mem");
  EXPECT_FALSE(devices().possible());
}

TEST_F(PciDevicesTest, RefusesWhatIsNoAddress) {
  PciDevices pci = devices();
  give(0, "../../x", "0000:00:00.00");
  EXPECT_FALSE(pci.look());
}

} // namespace
} // namespace linstub::stub
