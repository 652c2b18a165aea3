// SPDX-License-Identifier: MIT
#include "lab/machine.hpp"

#include <gmock/gmock.h>

namespace linstub::lab {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

Machine machine(Shape shape, Begin begin) {
  return {.dom0 = {.directory = "/cache/dom0"},
          .shape = shape,
          .begin = begin,
          .disk = "/lab/disk.qcow2",
          .directory = "/lab",
          .ssh_port = 2222};
}

TEST(Machine, StartsXenWithDom0AsItsModules) {
  auto line = command_line(machine(Shape::warm, Begin::boot));
  EXPECT_EQ(line.front(), "qemu-system-x86_64");
  EXPECT_THAT(line, Contains("/cache/dom0/xen.bin"));
  EXPECT_THAT(line, Contains(HasSubstr("/cache/dom0/vmlinuz root=/dev/vda")));
  EXPECT_THAT(line, Contains(HasSubstr("hostfwd=tcp:127.0.0.1:2222-:22")));
  EXPECT_THAT(line, Not(Contains("-incoming")));
}

TEST(Machine, SnapshotIsTheSameMachineWithAnotherBeginning) {
  auto boot = command_line(machine(Shape::warm, Begin::boot));
  auto load = command_line(machine(Shape::warm, Begin::snapshot));
  boot.insert(boot.end(), {"-incoming", "defer"});
  EXPECT_EQ(boot, load);
}

TEST(Machine, OnlyTheIommuShapeHasAnIommuAndSpareDevices) {
  EXPECT_THAT(machine_signature(Shape::warm), Not(HasSubstr("iommu")));
  auto line = command_line(machine(Shape::iommu, Begin::boot));
  EXPECT_THAT(line, Contains(HasSubstr("amd-iommu")));
  EXPECT_THAT(line, Contains(HasSubstr("e1000e")));
  EXPECT_THAT(line, Contains(HasSubstr("nvme")));
}

TEST(Machine, ShapesHaveNames) {
  Shape shape = Shape::warm;
  EXPECT_TRUE(parse_shape("iommu", shape));
  EXPECT_EQ(shape_name(shape), "iommu");
  EXPECT_FALSE(parse_shape("cold", shape));
  EXPECT_TRUE(parse_shape("libvirt", shape));
  EXPECT_EQ(shape, Shape::libvirt);
  EXPECT_EQ(shape_names(), "warm, iommu, libvirt, counted, smp");
}

TEST(Machine, ShapesDifferInTheirMachineAndInWhatDom0Has) {
  EXPECT_THAT(command_line(machine(Shape::warm, Begin::boot)), Contains("1"));
  EXPECT_THAT(command_line(machine(Shape::libvirt, Begin::boot)), Contains("1,maxcpus=2"));
  auto smp = command_line(machine(Shape::smp, Begin::boot));
  EXPECT_THAT(smp, Contains(HasSubstr("thread=multi")));
  EXPECT_THAT(smp, Contains(HasSubstr("dom0_vcpus_pin")));
  EXPECT_THAT(machine_signature(Shape::warm), Not(HasSubstr("multi")));
  // The counter is no part of the machine: the shape starts from the snapshot of the other.
  EXPECT_THAT(command_line(machine(Shape::counted, Begin::snapshot)), Contains("-plugin"));
  EXPECT_THAT(command_line(machine(Shape::warm, Begin::snapshot)), Not(Contains("-plugin")));
  EXPECT_EQ(machine_signature(Shape::counted), machine_signature(Shape::warm));
  EXPECT_EQ(facts_of(Shape::warm).addition, "");
  EXPECT_NE(facts_of(Shape::libvirt).addition, "");
  EXPECT_EQ(facts_of(Shape::iommu).begin, Begin::boot);
}

} // namespace
} // namespace linstub::lab
