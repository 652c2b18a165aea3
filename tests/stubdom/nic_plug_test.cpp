// SPDX-License-Identifier: MIT
// The nodes of a NIC. That netback makes an interface of them is for the lab to show.
#include "fake/xenstore.hpp"
#include "stubdom/nic_plug.hpp"

#include <gmock/gmock.h>

namespace linstub::stubdom {
namespace {

TEST(NicPlug, WritesWhatLibxlWould) {
  fake::Xenstore store;
  xen::Xenstore client = xen::Xenstore::connect().value();
  const plan::Nic nic{
      .index = 1, .interface = "vif7.1-emu", .bridge = "xenbr0", .mac = "00:16:3e:01:02:03"};
  ASSERT_TRUE(plug_nic(client, xen::DomId{5}, nic, "/hot"));
  const std::string frontend = "/local/domain/5/device/vif/1";
  const std::string backend = "/local/domain/0/backend/vif/5/1";
  const std::string toolstack = "/libxl/5/device/vif/1";
  for (const std::string &directory : {backend, toolstack}) {
    for (const auto &[node, value] : {std::pair("frontend", frontend.c_str()),
                                      {"frontend-id", "5"},
                                      {"script", "/hot"},
                                      {"vifname", "vif7.1-emu"},
                                      {"bridge", "xenbr0"},
                                      {"mac", "00:16:3e:01:02:03"},
                                      {"handle", "1"},
                                      {"type", "vif"},
                                      {"online", "1"},
                                      {"hotplug-status", ""},
                                      {"state", "1"}})
      EXPECT_EQ(store.read(directory + "/" + node), value) << directory << " " << node;
  }
  EXPECT_EQ(store.read(toolstack + "/backend"), backend);
  for (const auto &[node, value] : {std::pair("backend", backend.c_str()),
                                    {"backend-id", "0"},
                                    {"mac", "00:16:3e:01:02:03"},
                                    {"handle", "1"},
                                    {"state", "1"}})
    EXPECT_EQ(store.read(frontend + "/" + node), value) << node;
  EXPECT_FALSE(plug_nic(client, xen::DomId{5}, nic, "/hot")) << "there is one already";
}

} // namespace
} // namespace linstub::stubdom
