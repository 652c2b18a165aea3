// SPDX-License-Identifier: MIT
#include "plan/consoles.hpp"

#include <gmock/gmock.h>

namespace linstub::plan {
namespace {

using ::testing::HasSubstr;

TEST(ConsolesTest, ASerialPortLeadsWhereLibxlSays) {
  struct Row {
    const char *value;
    SerialPort port;
  };
  for (const Row &row :
       {Row{"pty", {.kind = SerialKind::pty}}, Row{"none", {.kind = SerialKind::null}},
        Row{"/dev/ttyS1", {.kind = SerialKind::device, .path = "/dev/ttyS1"}},
        Row{"file:/var/log/a=b,c", {.kind = SerialKind::file, .path = "/var/log/a=b,c"}},
        Row{"unix:/run/s,server=on,wait=off", {.kind = SerialKind::socket, .path = "/run/s"}},
        Row{"unix:/run/s,server,nowait", {.kind = SerialKind::socket, .path = "/run/s"}},
        Row{"unix:/run/a,,b,server=on", {.kind = SerialKind::socket, .path = "/run/a,b"}}}) {
    auto port = parse_serial(row.value);
    ASSERT_TRUE(port) << row.value << ": " << port.error().message();
    EXPECT_EQ(*port, row.port) << row.value;
  }
}

// The last two have an option where the path should be, as QEMU reads them, too.
TEST(ConsolesTest, ASerialPortThatLeadsNowhereIsRefused) {
  for (const char *value :
       {"", "tcp::4444", "file:relative", "unix:relative,server=on", "unix:/run/s",
        "unix:/run/s,server=off", "unix:/run/a=b,server=on", "unix:/run/a=b,c=d,server"}) {
    auto port = parse_serial(value);
    ASSERT_FALSE(port) << value;
    EXPECT_THAT(port.error().message(), HasSubstr("unix:/PATH,server=on"));
  }
}

} // namespace
} // namespace linstub::plan
