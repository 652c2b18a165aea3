// SPDX-License-Identifier: MIT
#include "wire/options.hpp"

#include <gtest/gtest.h>

namespace linstub::wire {
namespace {

TEST(Options, HaveALeaderAndKeys) {
  Options options = Options::parse("e1000,id=nic0,netdev=net0");
  EXPECT_EQ(options.leader(), "e1000");
  EXPECT_EQ(options.get("id"), "nic0");
  EXPECT_EQ(options.get("mac"), std::nullopt);
  EXPECT_EQ(options.text(), "e1000,id=nic0,netdev=net0");
}

TEST(Options, KeepDoubledCommas) {
  Options options = Options::parse("file=/a,,b.img,format=raw");
  EXPECT_EQ(options.get("file"), "/a,b.img");
  EXPECT_EQ(options.text(), "file=/a,,b.img,format=raw");
}

TEST(Options, ComeBackAsTheyWere) {
  for (const char *text : {"", "e1000", "e1000,id=nic0", ",a=b", "a=,b", "a=b=c", "a=,,,,",
                           "x,,y,z", "a,,b=c,,d", R"({"driver":"e1000","id":"a=b"})"})
    EXPECT_EQ(Options::parse(text).text(), text);
}

TEST(Options, FindAnImpliedKeyByItselfAndByItsName) {
  EXPECT_EQ(Options::parse("e1000,id=nic0").get_implied("driver"), "e1000");
  EXPECT_EQ(Options::parse("id=nic0,driver=e1000").get_implied("driver"), "e1000");
  EXPECT_EQ(Options::parse("e1000,driver=rtl8139").get_implied("driver"), "rtl8139");
  EXPECT_EQ(Options::parse("id=nic0").get_implied("driver"), "");
}

TEST(Options, LetTheLastOfAKeyWin) { EXPECT_EQ(Options::parse("a=1,a=2").get("a"), "2"); }

TEST(Options, ReplaceInPlaceAndAppend) {
  Options options = Options::parse("if=ide,cache=writeback");
  options.set("cache", "none");
  options.set("aio", "native");
  options.remove("if");
  EXPECT_EQ(options.text(), "cache=none,aio=native");
}

TEST(Options, KeepFlags) {
  Options options = Options::parse("/tmp/s,server,nowait");
  EXPECT_EQ(options.leader(), "/tmp/s");
  EXPECT_EQ(options.text(), "/tmp/s,server,nowait");
}

} // namespace
} // namespace linstub::wire
