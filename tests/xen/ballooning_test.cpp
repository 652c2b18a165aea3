// SPDX-License-Identifier: MIT
#include "xen/ballooning.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace linstub::xen {
namespace {

constexpr const char *fixed = "placeholder dom0_mem=2G,max:2G com1=115200,8n1";
constexpr const char *free_dom0 = "com1=115200,8n1";

TEST(Ballooning, IsLeftToTheHypervisorsCommandLine) {
  const std::vector<std::optional<std::string>> nothing{std::nullopt, "auto", "what"};
  EXPECT_TRUE(may_balloon(nothing, free_dom0));
  EXPECT_FALSE(may_balloon(nothing, fixed));
  for (const char *options :
       {"dom0_mem=1024M", "a dom0_mem=max:10%", "dom0_mem=512M+5% b", "dom0_mem=min:256M,max:1G"})
    EXPECT_FALSE(may_balloon({}, options)) << options;
  for (const char *options : {"", "dom0_mem=", "dom0_memory=2G", "xdom0_mem=2G", "dom0_mem=lots"})
    EXPECT_TRUE(may_balloon({}, options)) << options;
}

TEST(Ballooning, IsAsTheToolstacksSay) {
  EXPECT_TRUE(may_balloon({"on"}, fixed));
  EXPECT_TRUE(may_balloon({"1"}, fixed));
  EXPECT_FALSE(may_balloon({"off"}, free_dom0));
  EXPECT_FALSE(may_balloon({"0"}, free_dom0));
  // Which of them has made the guest, nobody knows.
  EXPECT_FALSE(may_balloon({"on", "off"}, free_dom0));
  EXPECT_TRUE(may_balloon({std::nullopt, "1"}, fixed));
}

TEST(Ballooning, IsReadAsXlReadsIt) {
  const std::string file = ::testing::TempDir() + "autoballoon.conf";
  auto setting = [&](const char *text) {
    std::ofstream(file) << text;
    return toolstack_setting(file, "autoballoon");
  };
  EXPECT_EQ(setting("# autoballoon=\"off\"\nautoballoon=\"on\"\n"), "on");
  EXPECT_EQ(setting("lockfile=\"/run/lock/xl\"\n  autoballoon = 0\n"), "0");
  EXPECT_EQ(setting("#autoballoon=\"off\"\n"), std::nullopt);
  EXPECT_EQ(toolstack_setting("/nonexistent/xl.conf", "autoballoon"), std::nullopt);
  std::filesystem::remove(file);
}

} // namespace
} // namespace linstub::xen
