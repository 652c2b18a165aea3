// SPDX-License-Identifier: MIT
#include "broker/backends.hpp"

#include <gmock/gmock.h>

namespace linstub::broker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

BackendNodes disk() {
  return {{"params", "qcow2:/images/a.qcow2"},
          {"mode", "w"},
          {"dev", "hda"},
          {"device-type", "disk"},
          {"type", "qdisk"},
          {"frontend-id", "5"},
          {"online", "1"},
          {"state", "1"},
          {"discard-enable", "1"}};
}
const BackendId hda{.kind = "qdisk", .number = 768};

std::string error(const BackendId &id, const BackendNodes &nodes) {
  auto move = plan_backend(id, nodes);
  return move ? "none" : move.error().message();
}

TEST(Backends, ADiskGoesWithWhatQemuReadsOfIt) {
  auto move = plan_backend(hda, disk()).value();
  ASSERT_TRUE(move);
  EXPECT_EQ(move->device, "vbd");
  EXPECT_EQ(move->disk, (disk::Disk{.path = "/images/a.qcow2",
                                    .vdev = "",
                                    .format = disk::DiskFormat::qcow2,
                                    .mode = disk::DiskMode::read_write}));
  EXPECT_THAT(move->nodes, ElementsAre(Pair("dev", "hda"), Pair("mode", "w"),
                                       Pair("device-type", "disk"), Pair("discard-enable", "1")));
}

TEST(Backends, ADiskThatIsNotSaidToBeWritableIsReadOnly) {
  for (const char *mode : {"r", "", "rw"}) {
    BackendNodes nodes = disk();
    nodes["mode"] = mode;
    EXPECT_EQ(plan_backend(hda, nodes).value()->disk->mode, disk::DiskMode::read_only);
  }
}

TEST(Backends, LibxlsWordForRawIsAio) {
  BackendNodes nodes = disk();
  nodes["params"] = "aio:/images/a:b";
  auto move = plan_backend(hda, nodes).value();
  EXPECT_EQ(move->disk->format, disk::DiskFormat::raw);
  EXPECT_EQ(move->disk->path, "/images/a:b");
}

TEST(Backends, ACdRomDriveIsEmulatedOnly) {
  for (const char *params : {"aio:", "aio:/images/cd.iso"}) {
    BackendNodes nodes = disk();
    nodes["device-type"] = "cdrom";
    nodes["params"] = params;
    EXPECT_EQ(plan_backend(hda, nodes).value(), std::nullopt);
  }
}

TEST(Backends, AKeyboardGoesAsItIs) {
  auto move = plan_backend({.kind = "vkbd", .number = 0}, {{"frontend-id", "5"}}).value();
  ASSERT_TRUE(move);
  EXPECT_EQ(move->device, "vkbd");
  EXPECT_EQ(move->disk, std::nullopt);
  EXPECT_THAT(move->nodes, IsEmpty());
}

// libxl's first console is xenconsoled's; of the others it expects that QEMU serves them.
TEST(Backends, AChannelGoesAndTheFirstConsoleStays) {
  EXPECT_FALSE(is_of_device_model({.kind = "console", .number = 0}));
  EXPECT_TRUE(is_of_device_model({.kind = "console", .number = 1}));
  EXPECT_TRUE(is_of_device_model({.kind = "vkbd", .number = 0}));
  EXPECT_FALSE(is_of_device_model({.kind = "vbd", .number = 768}));
  auto move = plan_backend({.kind = "console", .number = 1},
                           {{"name", "agent"}, {"connection", "pty"}, {"protocol", "vt100"}})
                  .value();
  ASSERT_TRUE(move);
  EXPECT_EQ(move->device, "console");
  EXPECT_TRUE(move->needed);
  EXPECT_THAT(move->nodes, ElementsAre(Pair("name", "agent"), Pair("protocol", "vt100")));
}

TEST(Backends, AnImageThatIsNoFileOfDom0IsRefused) {
  for (const char *params : {"", "qcow2", "qcow2:", "qcow2:a.qcow2", "aio:nbd:host:1"}) {
    BackendNodes nodes = disk();
    nodes["params"] = params;
    EXPECT_THAT(error(hda, nodes), HasSubstr("the PV device qdisk 768 (hda): \""));
  }
}

TEST(Backends, AFormatThatIsNotServedIsRefusedByItsName) {
  for (const char *format : {"vhd", "qed", "qcow", "vmdk"}) {
    BackendNodes nodes = disk();
    nodes["params"] = std::string(format) + ":/images/a";
    EXPECT_THAT(error(hda, nodes), HasSubstr(std::string("\"") + format + "\" is not served"));
  }
}

TEST(Backends, ReplicationIsRefused) {
  BackendNodes nodes = disk();
  nodes["colo-host"] = "10.0.0.1";
  EXPECT_THAT(error(hda, nodes), HasSubstr("COLO"));
}

TEST(Backends, KindsThatAStubDomainCannotServeAreRefusedWithAReason) {
  for (const char *kind : {"vfb", "9pfs", "qusb"}) {
    EXPECT_THAT(backend_kinds(), Contains(kind));
    EXPECT_THAT(error({.kind = kind, .number = 1}, {}),
                HasSubstr(base::format("the PV device {} 1: ", kind)));
  }
}

TEST(Backends, AKindThatIsNotKnownIsRefused) {
  EXPECT_THAT(error({.kind = "vsnd", .number = 1}, {}), HasSubstr("no kind that is known"));
  EXPECT_EQ(device_of("vsnd"), "");
}

} // namespace
} // namespace linstub::broker
