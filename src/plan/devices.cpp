// SPDX-License-Identifier: MIT
#include "plan/devices.hpp"

#include "plan/drives.hpp"
#include "wire/paths.hpp"

#include <algorithm>
#include <array>

namespace linstub::plan {
namespace {

using base::fail;
using base::Result;

struct Refused {
  std::string_view driver;
  std::string_view why;
};
constexpr std::string_view no_usb_host =
    "USB devices of the host cannot be passed through: give the guest the whole controller with "
    "pci=";
constexpr std::string_view no_such_sound =
    "QEMU in the stub domain has no such sound card: use soundhw=\"hda\", \"ac97\" or \"es1370\"";
constexpr std::string_view use_the_setting =
    "a TPM is a setting of its own: use device_model_args_hvm = [ \"-linstub\", "
    "\"tpm=/PATH/OF/ITS/STATE\" ]";
constexpr std::array<Refused, 15> refused_devices{{
    {"qxl-vga", "qxl needs SPICE, which is not served: use vga=\"stdvga\""},
    {"qxl", "qxl needs SPICE, which is not served: use vga=\"stdvga\""},
    {"virtio-serial", "channels of SPICE are not served: take spicevdagent out"},
    {"virtserialport", "channels of SPICE are not served: take spicevdagent out"},
    {"usb-redir", "USB redirection of SPICE is not served: take spiceusbredirection out"},
    {"usb-host", no_usb_host},
    {"adlib", no_such_sound},
    {"cs4231a", no_such_sound},
    {"gus", no_such_sound},
    {"sb16", no_such_sound},
    // libxl adds PCI devices over QMP, when QEMU runs.
    {"xen-pci-passthrough", "name PCI devices of the host with pci= in the guest's configuration"},
    {"vfio-pci", "name PCI devices of the host with pci= in the guest's configuration"},
    {"tpm-crb", use_the_setting},
    {"tpm-tis", use_the_setting},
    {"tpm-tis-isa", use_the_setting},
}};

// The NICs that QEMU in the stub domain has (config/qemu/linstub.mak).
enum class BootRom : uint8_t { absent, present }; // in the image, under QEMU's name for it
// The image's are the BIOS part of those that QEMU in dom0 has (ipxe-qemu). A NIC's state fits
// another one only if the windows of their ROMs are of one size.
constexpr std::string_view dom0s_boot_rom_size = "262144";
struct NicModel {
  std::string_view driver;
  BootRom rom{};
};
constexpr std::array<NicModel, 10> nic_models{{
    {"e1000", BootRom::present},
    {"e1000e", BootRom::present},
    {"rtl8139", BootRom::present},
    {"virtio-net", BootRom::present},
    {"virtio-net-pci", BootRom::present},
    {"pcnet", BootRom::absent},
    {"ne2k_pci", BootRom::absent},
    {"e1000-82540em", BootRom::present},
    {"e1000-82544gc", BootRom::present},
    {"e1000-82545em", BootRom::present},
}};

// What -usbdevice knows of what is built (hw/usb/dev-hid.c).
constexpr std::array<std::string_view, 3> usb_devices{"tablet", "mouse", "keyboard"};

// The parts of sound cards that play: hda has its codec beside its controller.
constexpr std::array<std::string_view, 7> sound_devices{
    "ac97", "AC97", "es1370", "ES1370", "hda-duplex", "hda-micro", "hda-output"};
constexpr std::string_view sound = "sound"; // its id

} // namespace

Result<> check_nic(wire::Options &device, uint8_t number) {
  const std::string driver = device.get_implied("driver");
  const auto *model = std::ranges::find(nic_models, driver, &NicModel::driver);
  if (model == nic_models.end())
    return fail("a NIC of model {} is not served: use e1000, e1000e, rtl8139, virtio-net, pcnet or "
                "ne2k_pci in the guest's configuration",
                driver);
  if (device.get("romfile"))
    return {};
  if (model->rom == BootRom::absent || number >= most_boot_roms)
    device.set("romfile", "");
  else if (!device.get("romsize"))
    device.set("romsize", dom0s_boot_rom_size);
  return {};
}

Result<> check_device(std::string_view driver) {
  const auto *found = std::ranges::find(refused_devices, driver, &Refused::driver);
  if (found != refused_devices.end())
    return fail("{}", found->why);
  return {};
}

Result<> check_usb_device(std::string_view name) {
  if (std::ranges::contains(usb_devices, name))
    return {};
  if (name.starts_with("host"))
    return fail("{}", no_usb_host);
  return fail("there is no such USB device: use tablet, mouse or keyboard");
}

Result<> add_tpm(Plan &plan) {
  const std::string &state = plan.settings.tpm;
  if (state.empty())
    return {};
  if (plan.settings.system == System::ramdisk)
    return fail(
        "setting tpm: what emulates a TPM is on the disk of the image, and not in its ramdisk: "
        "take system=ramdisk out");
  plan.tpm = disk::Disk{.path = state,
                        .vdev = TRY(free_disk_name(plan, {})),
                        .format = disk::DiskFormat::raw,
                        .mode = disk::DiskMode::read_write};
  // hvmloader's tables do not name the memory by which a guest and its firmware talk of a TPM
  // (ppi).
  plan.qemu.push_back(
      {.name = "-chardev",
       .value = base::format("{},id=tpm,path=/dev/{}", wire::tpm_argument, plan.tpm->vdev)});
  plan.qemu.push_back({.name = "-tpmdev", .value = "emulator,id=tpm,chardev=tpm"});
  plan.qemu.push_back({.name = "-device", .value = "tpm-crb,tpmdev=tpm,ppi=off"});
  return {};
}

void connect_sound(Plan &plan) {
  bool plays = false;
  for (QemuOption &option : plan.qemu) {
    auto *device = std::get_if<Device>(&option.value);
    if (!device || device->options.get("audiodev") ||
        !std::ranges::contains(sound_devices, device->options.get_implied("driver")))
      continue;
    device->options.set("audiodev", sound);
    plays = true;
  }
  if (!plays)
    return;
  for (QemuOption &option : plan.qemu) {
    auto *value = std::get_if<std::string>(&option.value);
    if (option.name == "-vnc" && value != nullptr && *value != "none")
      value->append(base::format(",audiodev={}", sound));
  }
  plan.qemu.push_back({.name = "-audiodev", .value = base::format("none,id={}", sound)});
}

} // namespace linstub::plan
