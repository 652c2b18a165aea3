// SPDX-License-Identifier: MIT
#include "plan/cpu_hotplug.hpp"

#include <gmock/gmock.h>

namespace linstub::plan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char *second = "qemu32-i386-cpu,core-id=0,id=cpu-1,socket-id=1,thread-id=0";

std::vector<std::string> arguments(const Plan &plan) { return render(plan.qemu); }

TEST(CpuHotplug, TheNextQemuHasTheCpuFromItsStart) {
  Plan plan;
  ASSERT_TRUE(plug_cpu(plan, second));
  EXPECT_THAT(arguments(plan),
              ElementsAre("-device", "qemu32-i386-cpu,id=cpu-1,socket-id=1,core-id=0,thread-id=0"));
  ASSERT_TRUE(plug_cpu(plan, second)) << "once";
  EXPECT_EQ(arguments(plan).size(), 2U);
}

TEST(CpuHotplug, OneThatIsUnpluggedIsForgotten) {
  Plan plan;
  ASSERT_TRUE(plug_cpu(plan, second));
  unplug_cpu(plan, "cpu-2");
  unplug_cpu(plan, "");
  EXPECT_EQ(arguments(plan).size(), 2U);
  unplug_cpu(plan, "cpu-1");
  EXPECT_THAT(arguments(plan), IsEmpty());
}

TEST(CpuHotplug, WhatWasThereFromTheStartIsNoneOfThem) {
  Plan plan;
  plan.qemu.push_back({.name = "-device", .value = Device{wire::Options::parse("e1000,id=nic0")}});
  unplug_cpu(plan, "nic0");
  EXPECT_EQ(arguments(plan).size(), 2U);
}

TEST(CpuHotplug, TakesNothingElse) {
  Plan plan;
  for (const char *text :
       {"", "usb-tablet,id=cpu-1,socket-id=1,core-id=0,thread-id=0",
        "qemu32-i386-cpu,id=cpu-1,socket-id=1,core-id=0", "qemu32-i386-cpu,id=cpu-1",
        "qemu32-i386-cpu,id=cpu-1,socket-id=1,core-id=0,thread-id=0,vendor=x",
        "qemu32-i386-cpu,id=cpu-1,socket-id=512,core-id=0,thread-id=0",
        "qemu32-i386-cpu,id=cpu-1,socket-id=one,core-id=0,thread-id=0",
        "a b-cpu,id=cpu-1,socket-id=1,core-id=0,thread-id=0",
        "qemu32-i386-cpu,id=c,,pu,socket-id=1,core-id=0,thread-id=0"})
    EXPECT_FALSE(plug_cpu(plan, text)) << text;
  EXPECT_THAT(arguments(plan), IsEmpty());
}

} // namespace
} // namespace linstub::plan
