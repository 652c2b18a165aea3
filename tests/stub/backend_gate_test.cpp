// SPDX-License-Identifier: MIT
#include "stub/backend_gate.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>

namespace linstub::stub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class BackendGateTest : public testing::Test {
protected:
  base::Result<std::vector<std::string>> list(const std::string &node) {
    std::vector<std::string> names;
    for (const auto &[path, value] : nodes) {
      if (path.starts_with(node + "/") && path.ends_with("/state"))
        names.push_back(path.substr(node.size() + 1, path.rfind('/') - node.size() - 1));
    }
    if (names.empty())
      return base::fail_errno(ENOENT, "list {}", node);
    return names;
  }
  void add(const std::string &number, const std::string &params) {
    nodes["backend/qdisk/5/" + number + "/params"] = params;
    nodes["backend/qdisk/5/" + number + "/online"] = "0";
    nodes["backend/qdisk/5/" + number + "/state"] = "1";
  }
  void look() { ASSERT_TRUE(gate.look(disks)); }
  std::string online(const std::string &number = "768") {
    return nodes["backend/qdisk/5/" + number + "/online"];
  }

  std::map<std::string, std::string> nodes{{"device-model/5/state", "running"}};
  std::vector<std::string> disks{"xvda", "xvdb"};
  std::set<std::string> open; // by QEMU
  std::set<std::string> watched;
  BackendGate gate{
      {.list = [this](const std::string &node) { return list(node); },
       .read = [this](const std::string &node) -> base::Result<std::optional<std::string>> {
         auto found = nodes.find(node);
         return found == nodes.end() ? std::nullopt : std::optional(found->second);
       },
       .write = [this](const std::string &node, std::string_view value) -> base::Result<> {
         nodes[node] = value;
         return {};
       },
       .has_open = [this](const std::string &path) -> base::Result<bool> {
         return open.contains(path);
       },
       .watch = [this](const std::string &path) -> base::Result<> {
         watched.insert(path);
         return {};
       },
       .unwatch = [this](const std::string &path) { watched.erase(path); }},
      "5"};
};

TEST_F(BackendGateTest, ADiskThatTheEmulatedDriveHasOpenIsOpenedWhenThatIsClosed) {
  add("768", "qcow2:/dev/xvda");
  open.insert("/dev/xvda");
  look();
  EXPECT_EQ(online(), "0");
  EXPECT_THAT(watched, ElementsAre("/dev/xvda"));
  open.clear();
  look();
  EXPECT_EQ(online(), "1");
  EXPECT_THAT(watched, IsEmpty());
}

TEST_F(BackendGateTest, ADiskWithoutAnEmulatedDriveIsOpenedAtOnce) {
  add("768", "qcow2:/dev/xvda");
  add("51728", "raw:/dev/xvdb");
  open.insert("/dev/xvda");
  look();
  EXPECT_EQ(online(), "0");
  EXPECT_EQ(online("51728"), "1");
}

TEST_F(BackendGateTest, NothingIsOpenedBeforeQemuRuns) {
  add("768", "qcow2:/dev/xvda");
  nodes.erase("device-model/5/state");
  look();
  EXPECT_EQ(online(), "0");
}

TEST_F(BackendGateTest, NothingIsOpenedBeforeTheDiskIsThere) {
  add("768", "qcow2:/dev/xvdc");
  look();
  EXPECT_EQ(online(), "0");
  disks.emplace_back("xvdc");
  look();
  EXPECT_EQ(online(), "1");
}

TEST_F(BackendGateTest, AfterARestoreTheDriverThatConnectsOpensIt) {
  add("768", "qcow2:/dev/xvda");
  open.insert("/dev/xvda");
  for (const char *state : {"1", "2", "5", "6", "x"}) {
    nodes["/local/domain/5/device/vbd/768/state"] = state;
    look();
    EXPECT_EQ(online(), "0") << state;
  }
  nodes["/local/domain/5/device/vbd/768/state"] = "3";
  look();
  EXPECT_EQ(online(), "1");
}

TEST_F(BackendGateTest, OneThatDom0ClosesIsNotOpenedAgain) {
  add("768", "qcow2:/dev/xvda");
  nodes["backend/qdisk/5/768/state"] = "5";
  look();
  EXPECT_EQ(online(), "0");
}

TEST_F(BackendGateTest, WhatIsNoDiskIsLeftAlone) {
  add("768", "qcow2:/etc/passwd");
  add("832", "qcow2:/dev/mem");
  add("x", "qcow2:/dev/xvda");
  look();
  EXPECT_EQ(online(), "0");
  EXPECT_EQ(online("832"), "0");
  EXPECT_EQ(online("x"), "0");
}

TEST_F(BackendGateTest, AGuestWithoutPvDisksNeedsNothing) {
  look();
  EXPECT_THAT(watched, IsEmpty());
}

} // namespace
} // namespace linstub::stub
