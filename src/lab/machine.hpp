// SPDX-License-Identifier: MIT
// Machine: the emulator that a nested Xen host runs in, as a command line. Why each flag is there
// stands beside it in machine.cpp.
#pragma once

#include "lab/dom0_disk.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

enum class Shape : uint8_t {
  warm,    // started from a snapshot of a booted host: most tests
  iommu,   // booted cold, with an emulated IOMMU and spare PCI devices: passthrough
  libvirt, // as warm, with what not each host has in dom0: libvirt, AppArmor, Open vSwitch, NFS
  counted, // as warm, in an emulator that counts what it executes, and is slower for it
  smp,     // as warm, with two CPUs: a guest in it dies sooner or later (machine.cpp)
};

enum class Begin : uint8_t { boot, snapshot };

// What there is to know of a shape: one row of the table in machine.cpp.
struct ShapeFacts {
  Shape shape = Shape::warm;
  std::string_view name;
  Begin begin = Begin::snapshot;
  // What its dom0 has besides what every dom0 has: a directory below config (dom0_disk.hpp).
  std::string_view addition;
  std::string_view cpus = "1";         // of the machine, as -smp has it
  std::string_view threads = "single"; // of the emulator: for each CPU ("multi") or for all
  std::string_view xen_options;        // further ones
  bool counts = false;                 // the emulator has counter.cpp's plugin
  // Which scenarios are for it, as gtest's filter says; in how many parts they are dealt out at
  // most.
  std::string_view scenarios;
  size_t parts = 1;
  // All its scenarios are ONLY_WHEN_THOROUGH, so that an ordinary run need not make it.
  bool only_when_thorough = false;
};

const ShapeFacts &facts_of(Shape shape);

// False if it is not the name of a shape.
bool parse_shape(std::string_view name, Shape &shape);
inline std::string_view shape_name(Shape shape) { return facts_of(shape).name; }

// All names, for people: "warm, iommu, ...".
std::string shape_names();

constexpr uint64_t spare_disk_size = uint64_t{64} << 20;

struct Machine {
  Dom0 dom0;
  Shape shape = Shape::warm;
  Begin begin = Begin::boot;
  std::filesystem::path disk;      // dom0's, an overlay that this machine may write to
  std::filesystem::path directory; // of this lab: xen.log, monitor
  uint16_t ssh_port = 0;           // on 127.0.0.1

  [[nodiscard]] std::filesystem::path console() const { return directory / "xen.log"; }
  [[nodiscard]] std::filesystem::path monitor() const { return directory / "monitor"; }
  // Of the counted shape: the counter's socket.
  [[nodiscard]] std::filesystem::path counter() const { return directory / "counter"; }
  // Of the iommu shape: what its NVMe disk and its SATA disk hold, spare_disk_size bytes each.
  [[nodiscard]] std::filesystem::path nvme_disk() const { return directory / "nvme.raw"; }
  [[nodiscard]] std::filesystem::path sata_disk() const { return directory / "sata.raw"; }
};

// The emulator and its arguments. The same for boot and snapshot but for where it begins, which is
// what makes a snapshot load.
std::vector<std::string> command_line(const Machine &machine);

// What a snapshot depends on besides dom0: when it changes, a new one is made.
std::string machine_signature(Shape shape);

} // namespace linstub::lab
