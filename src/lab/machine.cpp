// SPDX-License-Identifier: MIT
#include "lab/machine.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace linstub::lab {
namespace {

// In the order of the enumerators.
constexpr std::array shapes{
    // It starts in seconds, so its scenarios make several parts: two labs end at about the same
    // time.
    ShapeFacts{.shape = Shape::warm,
               .name = "warm",
               .scenarios = "-*Pci*:Libvirt*:*OpenVSwitch*:*FileSystems*:Counted*",
               .parts = 5},
    // The emulator can make no snapshot of such a machine, and it takes minutes to boot: one part.
    ShapeFacts{.shape = Shape::iommu, .name = "iommu", .begin = Begin::boot, .scenarios = "*Pci*"},
    ShapeFacts{.shape = Shape::libvirt,
               .name = "libvirt",
               .addition = "lab-libvirt",
               // A second one that is never plugged in: libvirt gives a guest no more CPUs than the
               // host can have.
               .cpus = "1,maxcpus=2",
               .scenarios = "Libvirt*:*OpenVSwitch*:*FileSystems*",
               .only_when_thorough = true},
    ShapeFacts{.shape = Shape::counted, .name = "counted", .counts = true, .scenarios = "Counted*"},
    // For benchmarks alone, whose runs are short: what it can show is a device model that has a CPU
    // while the guest waits for it. dom0 has the first one, and keeps to it.
    ShapeFacts{.shape = Shape::smp,
               .name = "smp",
               .cpus = "2",
               .threads = "multi",
               .xen_options = " dom0_max_vcpus=1 dom0_vcpus_pin"},
};

constexpr const char *nic_address = "52:54:00:6c:61:62"; // config/lab/dom0: 10-lan.network

// One vCPU, one thread. With more, the emulator's SVM delivers an injected interrupt a second time
// when something kicks the vCPU between VMRUN and the guest's first instruction, and an idle HVM
// guest dies within minutes (Xen: "Triple fault"). With one vCPU there are no such kicks.
std::string accelerator(const ShapeFacts &facts) {
  return base::format("tcg,thread={},tb-size=512", facts.threads);
}

// svm: HVM guests. Without smap, because dom0's kernel faults at its first instruction with it;
// without rdtscp, because Xen's emulator does not know its length under this SVM; without xsave,
// because programs in dom0 crash now and then with it while an HVM guest runs; without sha-ni,
// because of some hundred digests one is wrong with it.
constexpr const char *cpu = "max,+svm,-smap,-rdtscp,-xsave,-sha-ni";

constexpr const char *xen_options =
    "dom0_mem=2G,max:2G com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all noreboot";
constexpr const char *linux_options =
    "root=/dev/vda console=hvc0 rw net.ifnames=0 quiet mitigations=off";

// Spare devices of the iommu shape, to be passed through. Their own networks lead nowhere but to
// each other's hub, so that a guest can send through one and receive on another.
constexpr std::array<const char *, 20> spare_devices{
    "-netdev",
    "hubport,id=spare0,hubid=1",
    "-device",
    "e1000e,netdev=spare0,mac=52:54:00:6c:62:01,romfile=,addr=10.0",
    "-netdev",
    "hubport,id=spare1,hubid=1",
    "-device",
    "e1000e,netdev=spare1,mac=52:54:00:6c:62:02,romfile=,addr=11.0",
    "-netdev",
    "hubport,id=spare2,hubid=1",
    "-device",
    "rtl8139,netdev=spare2,mac=52:54:00:6c:62:03,romfile=,addr=12.0",
    "-device",
    "nvme,drive=spare3,serial=linstub,addr=13.0",
    // MSI: the emulated 82574L never raises one, as Linux' e1000e.IntMode=1 finds out in dom0 too.
    "-device",
    "ich9-ahci,id=spare-sata,addr=14.0",
    "-device",
    "ide-hd,drive=spare4,bus=spare-sata.0",
    "-global",
    "ICH9-LPC.disable_s3=1",
};

} // namespace

const ShapeFacts &facts_of(Shape shape) { return shapes.at(std::to_underlying(shape)); }

bool parse_shape(std::string_view name, Shape &shape) {
  const auto *found = std::ranges::find(shapes, name, &ShapeFacts::name);
  if (found == shapes.end())
    return false;
  shape = found->shape;
  return true;
}

std::string shape_names() {
  std::string names;
  for (const ShapeFacts &facts : shapes)
    names.append(names.empty() ? "" : ", ").append(facts.name);
  return names;
}

std::vector<std::string> command_line(const Machine &machine) {
  std::vector<std::string> line{
      "qemu-system-x86_64", "-nodefaults", "-display", "none", "-vga", "none"};
  line.insert(line.end(), {"-M", "q35", "-cpu", cpu, "-m", "5G"});
  const ShapeFacts &facts = facts_of(machine.shape);
  line.insert(line.end(), {"-accel", accelerator(facts), "-smp", std::string(facts.cpus)});
  std::string xen = xen_options;
  xen += facts.xen_options;
  if (machine.shape == Shape::iommu) {
    xen += " iommu=on";
    // The first device. Without dma-remap, which is off by default, it does not translate the
    // addresses of what devices read and write: a guest's device would reach into dom0's memory.
    line.insert(line.end(), {"-device", "amd-iommu,intremap=on,dma-remap=on"});
  }
  line.insert(line.end(), {"-kernel", machine.dom0.xen().string(), "-append", xen});
  // Multiboot modules are separated by commas.
  line.insert(line.end(), {"-initrd", base::format("{} {},{}", machine.dom0.kernel().string(),
                                                   linux_options, machine.dom0.initrd().string())});
  line.insert(line.end(), {"-drive", base::format("if=virtio,format=qcow2,cache=unsafe,file={}",
                                                  machine.disk.string())});
  line.insert(line.end(), {"-netdev", base::format("user,id=lan,hostfwd=tcp:127.0.0.1:{}-:22",
                                                   machine.ssh_port)});
  line.insert(line.end(), {"-device", base::format("virtio-net-pci,id=lan-nic,netdev=lan,mac={},"
                                                   "romfile=",
                                                   nic_address)});
  line.insert(line.end(), {"-device", "virtio-rng-pci"});
  if (machine.shape == Shape::iommu) {
    auto drive = [&](const char *name, const std::filesystem::path &file) {
      line.insert(line.end(),
                  {"-drive", base::format("if=none,id={},format=raw,cache=unsafe,file={}", name,
                                          file.string())});
    };
    drive("spare3", machine.nvme_disk());
    drive("spare4", machine.sata_disk());
    line.insert(line.end(), spare_devices.begin(), spare_devices.end());
  }
  line.insert(line.end(), {"-serial", base::format("file:{}", machine.console().string())});
  line.insert(line.end(),
              {"-qmp", base::format("unix:{},server=on,wait=off", machine.monitor().string())});
  // No part of the machine: a snapshot of one without it is loaded.
  if (facts.counts && machine.begin == Begin::snapshot)
    line.insert(line.end(), {"-plugin", base::format("file={},socket={}", LINSTUB_COUNTER,
                                                     machine.counter().string())});
  if (machine.begin == Begin::snapshot)
    line.insert(line.end(), {"-incoming", "defer"});
  return line;
}

std::string machine_signature(Shape shape) {
  std::string text;
  Machine machine{.dom0 = {}, .shape = shape, .disk = {}, .directory = {}, .ssh_port = 0};
  for (const std::string &argument : command_line(machine))
    text.append(argument).push_back('\n');
  return text;
}

} // namespace linstub::lab
