// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "pci/host_pci.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace linstub::pci {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An 82574L as the lab has it.
constexpr const char *resources = "0x00000000feb60000 0x00000000feb7ffff 0x0000000000040200\n"
                                  "0x00000000feb80000 0x00000000feb9ffff 0x0000000000040200\n"
                                  "0x000000000000c200 0x000000000000c21f 0x0000000000040101\n"
                                  "0x00000000febe0000 0x00000000febe3fff 0x0000000000040200\n"
                                  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
                                  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
                                  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";

std::string one(const char *first) {
  return std::string(first) + "\n0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n";
}

TEST(PciResources, AreTheRangesOfTheBaseAddressRegisters) {
  auto ranges = parse_pci_resources(resources);
  ASSERT_TRUE(ranges) << ranges.error().message();
  EXPECT_THAT(*ranges, ElementsAre(PciRange{PciSpace::memory, 0xfeb60000, 0x20000},
                                   PciRange{PciSpace::memory, 0xfeb80000, 0x20000},
                                   PciRange{PciSpace::ports, 0xc200, 0x20},
                                   PciRange{PciSpace::memory, 0xfebe0000, 0x4000}));
}

TEST(PciResources, AreRefusedWhereAPageIsSharedWithOthers) {
  auto ranges = parse_pci_resources(one("0xfebf0100 0xfebf01ff 0x40200"));
  ASSERT_FALSE(ranges);
  EXPECT_THAT(ranges.error().message(), HasSubstr("beginning of a page"));
}

TEST(PciResources, AreRefusedWithoutAnAddress) {
  auto ranges = parse_pci_resources(one("0x0 0xfff 0x40200"));
  ASSERT_FALSE(ranges);
  EXPECT_THAT(ranges.error().message(), HasSubstr("points nowhere"));
}

TEST(PciResources, MayHaveASmallRangeAtTheBeginningOfAPage) {
  auto ranges = parse_pci_resources(one("0xfebeb000 0xfebeb0ff 0x40200"));
  ASSERT_TRUE(ranges);
  EXPECT_THAT(*ranges, ElementsAre(PciRange{PciSpace::memory, 0xfebeb000, 0x100}));
}

TEST(PciResources, AreRefusedWhenTheyMakeNoSense) {
  for (const char *line :
       {"x", "0x1", "0x1 0x2", "0x2000 0x1000 0x200", "1 2 3", "0x10000000000000000 0x1 0x200"})
    EXPECT_FALSE(parse_pci_resources(line)) << line;
}

// Configuration space with capabilities at the given places.
class Config {
public:
  Config &word(size_t at, uint16_t value) {
    bytes.at(at) = std::byte(value & 0xff);
    bytes.at(at + 1) = std::byte(value >> 8);
    return *this;
  }
  Config &capability(size_t at, uint8_t id, uint16_t control, uint8_t next) {
    bytes.at(at) = std::byte(id);
    bytes.at(at + 1) = std::byte(next);
    return word(at + 2, control);
  }
  Config &begin(uint8_t first) {
    bytes.at(0x34) = std::byte(first);
    bytes.at(0x3d) = std::byte(1);
    return word(0x06, 0x10);
  }
  std::array<std::byte, 256> bytes{};
};

TEST(PciConfig, TellsTheInterruptKind) {
  EXPECT_EQ(interrupt_of(Config().bytes), PciInterrupt::none); // no pin
  EXPECT_EQ(interrupt_of(Config().begin(0).bytes), PciInterrupt::intx);
  EXPECT_EQ(interrupt_of(Config().begin(0).word(0x04, 0x400).bytes), PciInterrupt::none);
  Config both = Config().begin(0x40);
  both.capability(0x40, 0x05, 0, 0x50).capability(0x50, 0x11, 0, 0);
  EXPECT_EQ(interrupt_of(both.bytes), PciInterrupt::intx);
  both.word(0x42, 0x0081);
  EXPECT_EQ(interrupt_of(both.bytes), PciInterrupt::msi);
  both.word(0x52, 0x8004);
  EXPECT_EQ(interrupt_of(both.bytes), PciInterrupt::msix);
}

TEST(PciConfig, EndsAtACircleOfCapabilities) {
  Config circle = Config().begin(0x40);
  circle.capability(0x40, 0x01, 0, 0x50).capability(0x50, 0x09, 0, 0x40);
  EXPECT_EQ(find_pci_capability(circle.bytes, 0x11), 0U);
  EXPECT_EQ(find_pci_capability(circle.bytes, 0x09), 0x50U);
}

TEST(PciConfig, StaysWithinWhatIsThere) {
  Config far = Config().begin(0xfc);
  far.capability(0xfc, 0x11, 0x8000, 0);
  EXPECT_EQ(find_pci_capability(far.bytes, 0x11), 0xfcU);
  EXPECT_EQ(find_pci_capability(std::span(far.bytes).first(64), 0x11), 0U);
  EXPECT_EQ(find_pci_capability(std::span(far.bytes).first(0xfe), 0x11), 0U);
  EXPECT_EQ(find_pci_capability({}, 0x11), 0U);
}

class HostPciBusTest : public ::testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/host_pci_test.XXXXXX";
    root = ::mkdtemp(name);
    device = root / "bus/pci/devices/0000:00:10.0";
    pciback = root / "bus/pci/drivers/pciback";
    fs::create_directories(device);
    fs::create_directories(pciback);
    put(device / "vendor", "0x8086\n");
    put(device / "device", "0x10d3\n");
    put(device / "irq", "20\n");
    put(device / "resource", resources);
    put(pciback / "allow_interrupt_control", "");
    fs::create_directories(pciback / "0000:00:10.0");
  }
  void TearDown() override { fs::remove_all(root); }
  static void put(const fs::path &path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  [[nodiscard]] HostPciBus bus() const { return {root, root / "iomem"}; }

  fs::path root;
  fs::path device;
  fs::path pciback;
  xen::PciAddress address{.domain = 0, .bus = 0, .device = 0x10, .function = 0};
};

TEST_F(HostPciBusTest, FindsADeviceThatPcibackHolds) {
  auto found = bus().find(address);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->vendor, 0x8086);
  EXPECT_EQ(found->device, 0x10d3);
  EXPECT_EQ(found->interrupt, 20U);
  EXPECT_EQ(found->ranges.size(), 4U);
}

TEST_F(HostPciBusTest, SaysWhyADeviceCannotBeHad) {
  xen::PciAddress other{.domain = 0, .bus = 3, .device = 1, .function = 0};
  EXPECT_THAT(bus().find(other).error().message(), HasSubstr("no PCI device 0000:03:01.0"));
  fs::remove_all(pciback / "0000:00:10.0");
  EXPECT_THAT(bus().find(address).error().message(), HasSubstr("pci-assignable-add"));
  fs::remove_all(pciback);
  EXPECT_THAT(bus().find(address).error().message(), HasSubstr("modprobe xen-pciback"));
}

TEST_F(HostPciBusTest, RefusesADeviceWhoseSmallRangeHasANeighbourInItsPage) {
  put(device / "resource", one("0xfebd0000 0xfebd00ff 0x40200"));
  put(root / "iomem", "febd0000-febd00ff : 0000:00:10.0\n");
  EXPECT_TRUE(bus().find(address));
  put(root / "iomem", "febd0000-febd00ff : 0000:00:10.0\nfebd0100-febd01ff : 0000:00:11.0\n");
  auto found = bus().find(address);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(),
              HasSubstr("PCI device 0000:00:10.0: its memory at 0xfebd0000 "
                        "shares a page with \"0000:00:11.0\""));
  EXPECT_TRUE(bus().read(address)) << "it is shown all the same";
  put(root / "iomem", std::string((size_t{1} << 20) + 1, ' '));
  EXPECT_THAT(bus().find(address).error().message(), HasSubstr("longer than"));
  fs::remove(root / "iomem");
  EXPECT_FALSE(bus().find(address));
}

TEST_F(HostPciBusTest, NeedsNoMapOfMemoryForADeviceWithWholePages) {
  EXPECT_FALSE(fs::exists(root / "iomem"));
  EXPECT_TRUE(bus().find(address));
}

TEST_F(HostPciBusTest, ReadsBackThatInterruptControlIsAllowed) {
  HostPciBus bus(root, root / "iomem");
  EXPECT_TRUE(bus.allow_interrupt_control(address)); // the file here keeps what is written
  fs::remove(pciback / "allow_interrupt_control");
  fs::create_symlink("/dev/null", pciback / "allow_interrupt_control"); // takes it, lists nothing
  auto allowed = bus.allow_interrupt_control(address);
  ASSERT_FALSE(allowed);
  EXPECT_THAT(allowed.error().message(), HasSubstr("does not list it"));
  fs::remove(pciback / "allow_interrupt_control");
  EXPECT_THAT(bus.allow_interrupt_control(address).error().message(),
              HasSubstr("no allow_interrupt_control"));
}

TEST_F(HostPciBusTest, ClearsInterruptEnableBitsAndNothingElse) {
  Config config = Config().begin(0x40);
  config.capability(0x40, 0x05, 0x0181, 0x50).capability(0x50, 0x11, 0xc004, 0);
  put(device / "config",
      {reinterpret_cast<const char *>(config.bytes.data()), config.bytes.size()});
  HostPciBus bus(root, root / "iomem");
  ASSERT_EQ(bus.interrupt(address).value_or(PciInterrupt::none), PciInterrupt::msix);
  ASSERT_TRUE(bus.clear_interrupts(address));
  config.word(0x42, 0x0180).word(0x52, 0x4004);
  auto after = base::read_file(device / "config", 256);
  ASSERT_TRUE(after);
  EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span(*after)), config.bytes));
}

TEST(ListsPci, ComparesWholeLines) {
  xen::PciAddress address{.domain = 0, .bus = 0, .device = 0x10, .function = 0};
  EXPECT_TRUE(lists_pci("0000:00:11.0\n0000:00:10.0\n", address));
  EXPECT_TRUE(lists_pci("0000:00:10.0", address));
  EXPECT_FALSE(lists_pci("0000:00:10.01\n10000:00:10.0\n", address));
  EXPECT_FALSE(lists_pci("", address));
  EXPECT_TRUE(lists_pci("0000:00:11.0 0000:00:10.0", address, ' '));
  EXPECT_FALSE(lists_pci("0000:00:11.0\n0000:00:10.0", address, ' '));
  EXPECT_FALSE(lists_pci("  0000:00:10", address, ' '));
}

} // namespace
} // namespace linstub::pci
