// SPDX-License-Identifier: MIT
#include "broker/guest_backends_fixture.hpp"
#include "plan/drives.hpp"

namespace linstub::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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
  add_disks(most_served_disks + 1);
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
  libxl_asks_to_close(node);
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

TEST_F(GuestBackendsTest, WhatLibxlHasJustWrittenIsNotOverwritten) {
  start_with_disk();
  store.write(stub_disk + "/state", "4");
  store.before_end_of_transaction([this] {
    store.before_end_of_transaction({});
    begin_to_close(libxl_disk);
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
