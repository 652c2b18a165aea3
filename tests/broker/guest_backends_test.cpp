// SPDX-License-Identifier: MIT
#include "broker/guest_backends.hpp"
#include "fake/xenstore.hpp"
#include "plan/drives.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string libxl_disk = "/local/domain/0/backend/qdisk/5/768";
const std::string stub_disk = "/local/domain/6/backend/qdisk/5/768";
const std::string frontend = "/local/domain/5/device/vbd/768";

class GuestBackendsTest : public testing::Test {
protected:
  GuestBackendsTest() {
    store.write("/local/domain/5", "");
    store.write("/local/domain/6", "");
  }
  ~GuestBackendsTest() override { std::filesystem::remove_all(directory); }

  std::string image(const std::string &name) {
    std::ofstream(directory / name) << std::string(512, 'x');
    return directory / name;
  }
  void add_device(const std::string &kind, const std::string &device, const std::string &number,
                  const std::map<std::string, std::string> &nodes) {
    const std::string backend = base::format("/local/domain/0/backend/{}/5/{}", kind, number);
    store.write(backend, "");
    for (const auto &[name, value] : nodes)
      store.write(base::format("{}/{}", backend, name), value);
    store.write(backend + "/online", "1");
    store.write(backend + "/state", "1");
    const std::string front = base::format("/local/domain/5/device/{}/{}", device, number);
    store.write(front + "/backend", backend);
    store.write(front + "/backend-id", "0");
    store.write(front + "/state", "1");
  }
  void add_disk(const std::string &path, const std::string &number = "768",
                const std::string &dev = "hda") {
    add_device("qdisk", "vbd", number,
               {{"params", "aio:" + path}, {"mode", "w"}, {"dev", dev}, {"device-type", "disk"}});
  }
  void emulate(const std::string &path, const std::string &vdev) {
    plan.qemu.push_back({.name = "-drive",
                         .value = plan::Drive{.options = wire::Options::parse("if=ide"),
                                              .disk = disk::Disk{.path = path, .vdev = vdev}}});
  }
  void start() {
    ASSERT_TRUE(backends.find());
    ASSERT_TRUE(backends.move(stub));
  }
  void look() {
    auto looked = backends.look();
    ASSERT_TRUE(looked) << looked.error().message();
  }
  // Of a disk that an emulated drive has.
  void start_with_disk() {
    const std::string path = image("a");
    add_disk(path);
    emulate(path, "xvda");
    start();
  }
  void stub_says(const std::string &state, const std::string &online = "1") {
    store.write(stub_disk + "/online", online);
    store.write(stub_disk + "/state", state);
    look();
  }
  void libxl_asks_to_close() {
    store.write(libxl_disk + "/online", "0");
    store.write(libxl_disk + "/state", "5");
    look();
  }
  std::string text(const std::string &node) { return store.read(node).value_or("none"); }

  static std::filesystem::path make() {
    std::string name = (std::filesystem::temp_directory_path() / "backendsXXXXXX").string();
    return ::mkdtemp(name.data());
  }
  std::filesystem::path directory = make();
  const xen::DomId guest{5};
  const xen::DomId stub{6};
  fake::Xenstore store;
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  plan::Plan plan{.guest = guest, .name = "sunny"};
  std::vector<std::string> unplugged;
  Done done;
  std::vector<disk::Disk> plugged;
  std::string plug_fails; // why, if it does
  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  GuestBackends backends{*loop,
                         xenstore,
                         plan,
                         {.plug = [this](const disk::Disk &disk) -> base::Result<> {
                            if (!plug_fails.empty())
                              return base::fail("{}", plug_fails);
                            plugged.push_back(disk);
                            return {};
                          },
                          .unplug =
                              [this](const std::string &vdev, Done then) {
                                unplugged.push_back(vdev);
                                done = std::move(then);
                              }}};
};

TEST_F(GuestBackendsTest, AnEmulatedDisksBackendIsMovedAndClosedUntilLinstubInitOpensIt) {
  start_with_disk();
  EXPECT_EQ(text(stub_disk + "/params"), "raw:/dev/xvda");
  EXPECT_EQ(text(stub_disk + "/online"), "0");
  EXPECT_EQ(text(stub_disk + "/state"), "1");
  EXPECT_EQ(text(stub_disk + "/frontend"), frontend);
  EXPECT_EQ(text(stub_disk + "/frontend-id"), "5");
  EXPECT_EQ(text(stub_disk + "/dev"), "hda");
  EXPECT_EQ(store.permissions(stub_disk), "n6 r5");
  EXPECT_EQ(text(frontend + "/backend"), stub_disk);
  EXPECT_EQ(text(frontend + "/backend-id"), "6");
  EXPECT_EQ(text(libxl_disk + "/state"), "1") << "libxl's stays";
  EXPECT_THAT(plan.pv_disks, IsEmpty());
}

TEST_F(GuestBackendsTest, ADiskWithoutAnEmulatedDriveBecomesOneOfTheStubDomain) {
  emulate(image("a"), "xvda");
  add_disk(image("b"), "51728", "xvdb");
  start();
  ASSERT_THAT(plan::disks_of(plan), SizeIs(2));
  EXPECT_EQ(plan.pv_disks.front().vdev, "xvdb");
  EXPECT_EQ(plan.pv_disks.front().path, directory / "b");
  EXPECT_EQ(text("/local/domain/6/backend/qdisk/5/51728/params"), "raw:/dev/xvdb");
}

TEST_F(GuestBackendsTest, TwoDevicesOfOneImageHaveADiskEach) {
  const std::string path = image("a");
  emulate(path, "xvda");
  add_disk(path, "768", "hda");
  add_disk(path, "832", "hdb");
  start();
  EXPECT_EQ(text(stub_disk + "/params"), "raw:/dev/xvda");
  EXPECT_EQ(text("/local/domain/6/backend/qdisk/5/832/params"), "raw:/dev/xvdb");
}

TEST_F(GuestBackendsTest, AreNotMoreThanQemuCanWatch) {
  constexpr unsigned first = 51712;
  constexpr unsigned next = 16;
  for (unsigned i = 0; i <= most_served_disks; i++)
    add_disk(image(base::format("disk{}", i)), std::to_string(first + i * next),
             base::format("xvd{}", static_cast<char>('a' + i)));
  auto found = backends.find();
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), HasSubstr("at most 16 disks to PV drivers"));
}

TEST_F(GuestBackendsTest, AKeyboardIsServedAtOnce) {
  add_device("vkbd", "vkbd", "0", {});
  start();
  EXPECT_EQ(text("/local/domain/6/backend/vkbd/5/0/online"), "1");
  EXPECT_EQ(text("/local/domain/5/device/vkbd/0/backend-id"), "6");
}

TEST_F(GuestBackendsTest, AChannelsFrontendIsToldOfItsLineAndItsTty) {
  plan.consoles = {{.number = 1, .port = {.kind = plan::SerialKind::pty, .path = "/dev/pts/3"}},
                   {.number = 2, .port = {.kind = plan::SerialKind::socket, .path = "/run/a"}}};
  add_device("console", "console", "0", {});
  add_device("console", "console", "1", {{"name", "one"}, {"connection", "pty"}});
  add_device("console", "console", "2", {{"name", "two"}, {"connection", "socket"}});
  start();
  EXPECT_EQ(text("/local/domain/5/device/console/0/backend-id"), "0") << "xenconsoled's";
  const std::string front = "/local/domain/5/device/console/";
  EXPECT_EQ(text(front + "1/backend"), "/local/domain/6/backend/console/5/1");
  EXPECT_EQ(text(front + "1/output"), "chardev:libxl-channel1");
  EXPECT_EQ(text(front + "1/tty"), "/dev/pts/3");
  EXPECT_EQ(text(front + "2/output"), "chardev:libxl-channel2");
  EXPECT_EQ(text(front + "2/tty"), "none");
  store.write(front + "2/state", "4");
  auto can = backends.can_be_replaced();
  ASSERT_FALSE(can);
  EXPECT_THAT(can.error().message(), HasSubstr("has channel two"));
}

TEST_F(GuestBackendsTest, WhatCannotBeServedIsSaidBeforeThereIsAStubDomain) {
  add_device("9pfs", "9pfs", "0", {});
  auto found = backends.find();
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), HasSubstr("the PV device 9pfs 0: a stub domain has no"));
}

TEST_F(GuestBackendsTest, AnImageThatIsMissingIsSaidBeforeThereIsAStubDomain) {
  add_disk(directory / "none");
  auto found = backends.find();
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), HasSubstr("disk hda: disk image "));
}

TEST_F(GuestBackendsTest, LibxlsNodeFollowsTheStubDomains) {
  start_with_disk();
  for (const char *state : {"2", "4", "5", "6"}) {
    stub_says(state);
    EXPECT_EQ(text(libxl_disk + "/state"), state);
  }
}

TEST_F(GuestBackendsTest, HostileWordsStayWhereTheyAre) {
  start_with_disk();
  stub_says("4");
  for (const std::string &word :
       {std::string("9"), std::string("-1"), std::string("04"), std::string(),
        std::string("../../5"), std::string("6\0", 2), std::string(4000, '6')}) {
    stub_says(word);
    EXPECT_EQ(text(libxl_disk + "/state"), "4");
  }
  store.write(stub_disk, std::string(4000, 'x'));
  store.write(stub_disk + "/online", std::string(4000, '0'));
  store.write(stub_disk + "/params", "qcow2:/etc/shadow");
  store.write(stub_disk + "/frontend", "/local/domain/1/device/vbd/768");
  look();
  EXPECT_EQ(text(libxl_disk + "/params"), "aio:" + (directory / "a").string());
  EXPECT_EQ(store.list("/local/domain/0/backend/qdisk"), std::vector<std::string>{"5"});
  EXPECT_THAT(unplugged, IsEmpty());
}

TEST_F(GuestBackendsTest, ADetachIsCarriedOverAndTheDiskIsUnpluggedWhenLibxlIsThroughWithIt) {
  add_disk(image("b"));
  start();
  stub_says("4");
  libxl_asks_to_close();
  EXPECT_EQ(text(stub_disk + "/online"), "0");
  EXPECT_EQ(text(stub_disk + "/state"), "5");
  EXPECT_EQ(text(libxl_disk + "/state"), "5");
  store.remove(stub_disk); // QEMU, when the driver has closed
  look();
  EXPECT_EQ(text(libxl_disk + "/state"), "6");
  EXPECT_THAT(unplugged, IsEmpty());
  store.remove(libxl_disk);
  look();
  EXPECT_THAT(unplugged, ElementsAre("xvda"));
  EXPECT_THAT(plan.pv_disks, SizeIs(1)) << "its name is taken until it has gone";
  done({});
  EXPECT_THAT(plan.pv_disks, IsEmpty());
  EXPECT_TRUE(backends.can_be_replaced());
}

TEST_F(GuestBackendsTest, ADiskThatTheEmulatedDriveStillHasIsNotUnplugged) {
  start_with_disk();
  libxl_asks_to_close();
  EXPECT_EQ(text(libxl_disk + "/state"), "6") << "nobody had opened it";
  EXPECT_EQ(text(stub_disk), "none");
  store.remove(libxl_disk);
  look();
  EXPECT_THAT(unplugged, IsEmpty());
  EXPECT_TRUE(backends.can_be_replaced());
}

TEST_F(GuestBackendsTest, AnotherStubDomainWouldHaveADiskAgainThatWasDetached) {
  start_with_disk();
  stub_says("4");
  store.remove(libxl_disk); // by force
  look();
  EXPECT_EQ(text(stub_disk), "none");
  EXPECT_THAT(unplugged, ElementsAre("xvda"));
  auto can = backends.can_be_replaced();
  ASSERT_FALSE(can);
  EXPECT_THAT(can.error().message(), HasSubstr("disk hda was detached"));
}

TEST_F(GuestBackendsTest, ACdRomDriveIsLeftAloneAndCanBeDetached) {
  add_device("qdisk", "vbd", "5632",
             {{"params", "aio:"}, {"device-type", "cdrom"}, {"dev", "hdc"}});
  start();
  look();
  const std::string node = "/local/domain/0/backend/qdisk/5/5632";
  EXPECT_EQ(text(node + "/state"), "1");
  EXPECT_EQ(text("/local/domain/5/device/vbd/5632/backend-id"), "0");
  EXPECT_EQ(text("/local/domain/6/backend"), "none");
  store.write(node + "/online", "0");
  store.write(node + "/state", "5");
  look();
  EXPECT_EQ(text(node + "/state"), "6");
}

TEST_F(GuestBackendsTest, AnUpgradeIsRefusedWhileADriverHasADisk) {
  start_with_disk();
  for (const char *state : {"1", "6", "", "none"}) {
    store.write(frontend + "/state", state);
    EXPECT_TRUE(backends.can_be_replaced()) << state;
  }
  for (const char *state : {"2", "3", "4", "5", "7", "8"}) {
    store.write(frontend + "/state", state);
    auto can = backends.can_be_replaced();
    ASSERT_FALSE(can);
    EXPECT_THAT(can.error().message(), HasSubstr("the guest's PV driver has disk hda"));
    EXPECT_EQ(can.error().code(), frontend_connected);
  }
}

TEST_F(GuestBackendsTest, TheNextStubDomainGetsWhatNoDriverHasMet) {
  start_with_disk();
  add_device("vkbd", "vkbd", "0", {});
  xen::Xenstore other = xen::Xenstore::connect().value();
  GuestBackends with_keyboard(*loop, other, plan, {});
  ASSERT_TRUE(with_keyboard.find());
  ASSERT_TRUE(with_keyboard.move(stub));
  store.write("/local/domain/5/device/vkbd/0/state", "4");
  EXPECT_TRUE(with_keyboard.can_be_replaced());
  store.write("/local/domain/7", "");
  ASSERT_TRUE(with_keyboard.move(xen::DomId{7}));
  EXPECT_EQ(text(frontend + "/backend-id"), "7");
  EXPECT_EQ(text("/local/domain/5/device/vkbd/0/backend-id"), "6") << "no QEMU takes its keys";
  EXPECT_EQ(text("/local/domain/7/backend/vkbd/5/0"), "none");
}

// Of 16 disks: the one that start_with_disk() has made is one of them.
TEST_F(GuestBackendsTest, ALateDiskIsNotMoreThanQemuCanWatch) {
  constexpr unsigned first = 51728;
  constexpr unsigned next = 16;
  start_with_disk();
  for (unsigned i = 0; i < most_served_disks; i++)
    add_disk(image(base::format("disk{}", i)), std::to_string(first + i * next),
             base::format("xvd{}", static_cast<char>('b' + i)));
  look();
  EXPECT_EQ(plugged.size(), most_served_disks - 1);
  const std::string last =
      base::format("/local/domain/0/backend/qdisk/5/{}", first + (most_served_disks - 1) * next);
  EXPECT_THAT(text(last + "/hotplug-error"), HasSubstr("at most 16 disks to PV drivers"));
}

// --- A disk for a running guest ------------------------------------------------------------------

class LateDiskTest : public GuestBackendsTest {
protected:
  void SetUp() override { start_with_disk(); }
  void attach() {
    add_disk(image("b"), "51728", "xvdb");
    look();
  }
  // The stub domain says that it has the disk of that name.
  void stub_has(const std::string &disks) {
    store.write("/local/domain/6/data/linstub/disks", disks);
  }
  bool shown_within(base::Milliseconds limit) {
    const auto deadline = base::Deadline::after(limit);
    while (text(front + "/backend-id") != "6" && !deadline.passed())
      EXPECT_TRUE(loop->run_until(base::Deadline::after(base::Milliseconds(50))));
    return text(front + "/backend-id") == "6";
  }

  const std::string node = "/local/domain/0/backend/qdisk/5/51728";
  const std::string in_stub = "/local/domain/6/backend/qdisk/5/51728";
  const std::string front = "/local/domain/5/device/vbd/51728";
};

TEST_F(LateDiskTest, IsHiddenFromTheGuestUntilTheStubDomainServesIt) {
  attach();
  ASSERT_THAT(plugged, SizeIs(1));
  EXPECT_EQ(plugged.front().path, directory / "b");
  EXPECT_EQ(plugged.front().vdev, "xvdb");
  EXPECT_EQ(text(front + "/state"), "none");
  EXPECT_FALSE(backends.can_be_replaced());
  EXPECT_FALSE(shown_within(base::Milliseconds(1'300))) << "the stub domain has not got it yet";
  stub_has("xvda xvdb");
  ASSERT_TRUE(shown_within(base::Milliseconds(3'000)));
  EXPECT_EQ(text(in_stub + "/params"), "raw:/dev/xvdb");
  EXPECT_EQ(text(in_stub + "/online"), "1");
  EXPECT_EQ(store.permissions(in_stub), "n6 r5");
  EXPECT_EQ(text(front + "/backend"), in_stub);
  EXPECT_EQ(text(front + "/state"), "1");
  EXPECT_EQ(text(front + "/virtual-device"), "51728");
  EXPECT_EQ(text(front + "/device-type"), "disk");
  EXPECT_EQ(store.permissions(front), "n5 r6");
  EXPECT_THAT(plan.pv_disks, SizeIs(1)) << "the next stub domain has it";
  store.write(in_stub + "/state", "4");
  look();
  EXPECT_EQ(text(node + "/state"), "4") << "as libxl sees it";
}

TEST_F(LateDiskTest, IsTakenOutOfTheStubDomainWhenItIsDetached) {
  attach();
  store.write(node + "/online", "0");
  store.write(node + "/state", "5");
  look();
  EXPECT_EQ(text(node + "/state"), "6");
  store.remove(node);
  look();
  EXPECT_THAT(unplugged, ElementsAre("xvdb"));
  done({});
  EXPECT_THAT(plan.pv_disks, IsEmpty());
  stub_has("xvda xvdb");
  EXPECT_FALSE(shown_within(base::Milliseconds(1'500)));
}

TEST_F(LateDiskTest, IsRefusedWithAReason) {
  plug_fails = "somebody has it";
  attach();
  EXPECT_EQ(text(node + "/state"), "6");
  EXPECT_THAT(text(node + "/hotplug-error"), HasSubstr("disk xvdb: somebody has it"));
  EXPECT_EQ(text(front + "/state"), "1") << "libxl's stays";
  store.remove(node);
  look();
  plug_fails.clear();
  store.write(front + "/state", "1");
  attach();
  EXPECT_EQ(text(node + "/state"), "1") << "each time anew";
}

TEST_F(LateDiskTest, IsRefusedIfADriverKnowsItAlready) {
  add_disk(image("b"), "51728", "xvdb");
  store.write(front + "/state", "3");
  look();
  EXPECT_THAT(text(node + "/hotplug-error"), HasSubstr("a driver of the guest has it"));
  EXPECT_THAT(plugged, IsEmpty());
}

TEST_F(LateDiskTest, AnotherDeviceForARunningGuestIsRefused) {
  add_device("vkbd", "vkbd", "0", {});
  look();
  EXPECT_EQ(text("/local/domain/0/backend/vkbd/5/0/state"), "6");
}

TEST_F(GuestBackendsTest, WhatLibxlHasJustWrittenIsNotOverwritten) {
  start_with_disk();
  store.write(stub_disk + "/state", "4");
  store.before_end_of_transaction([this] {
    store.before_end_of_transaction({});
    store.write(libxl_disk + "/online", "0");
    store.write(libxl_disk + "/state", "5");
  });
  look();
  EXPECT_EQ(text(libxl_disk + "/state"), "5");
}

TEST_F(GuestBackendsTest, AfterItsEndTheStubDomainIsNotLookedAt) {
  start_with_disk();
  const size_t before = store.watches();
  backends.forget();
  EXPECT_EQ(store.watches(), before - 1);
  store.write(stub_disk + "/state", "4");
  look();
  EXPECT_EQ(text(libxl_disk + "/state"), "1");
}

} // namespace
} // namespace linstub::broker
