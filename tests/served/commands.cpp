// SPDX-License-Identifier: MIT
// What is no option of a guest's configuration: the commands of xl(1), Xen's limits of its own
// Linux stub domains, and what reaches no device model.
#include "served/table.hpp"

#include <array>

namespace linstub::served {
namespace {

constexpr std::array commands{
    XlCommand{"create, destroy", "its start and its end",
              "`LifeCycle.SurvivesRoundsOfCreateAndDestroyAndLeavesNothing`"},
    XlCommand{"create -p, pause, unpause", "nothing: Xen stops the guest's virtual CPUs",
              "`AsUnderQemuInDom0/OtherNics`"},
    XlCommand{"reboot, shutdown", "its end, and its start",
              "`LifeCycle.Reboots`, "
              "`HostTools.RebootAllAndShutdownAllReachTheGuestsBehindTheirStubDomains`"},
    XlCommand{"console", "a serial port that leads to a pty",
              "`LifeCycle.BootsFromItsDiskTalksOnSerialUsesDiskAndNetwork`"},
    XlCommand{"vncviewer", "VNC", "`LifeCycle.ShowsItsScreenOverVncAndItsStubDomainsSizeInStatus`"},
    XlCommand{"save, save -c, restore", "`stop`, `xen-save-devices-state`, `cont`",
              "`StateOf.AGuestAtWorkComesThroughRoundsOfSaveAndRestore`, "
              "`StateOf.ACheckpointLetsTheGuestRunOn`"},
    XlCommand{"migrate", "the same, and `xen-set-global-dirty-log`",
              "`StateOf.AMigrationToThisHostKeepsTheGuestAtWork`, `BetweenHosts.*`"},
    XlCommand{"suspend, resume", "as save -c, without a file", "`XlCommands.SuspendAndResume`"},
    XlCommand{"cd-insert, cd-eject", "`add-fd`, `blockdev-change-medium`, `eject`",
              "`LifeCycle.ChangesTheMediumOfItsCdRomDrive`"},
    XlCommand{"block-attach, block-detach, block-list",
              "a PV disk of a qcow2 image; nothing for a raw one",
              "`PvDrivers.HaveAQcow2DiskAndTheKeyboardFromTheStubDomain`"},
    XlCommand{"network-attach, network-detach, network-list",
              "nothing: what is added to a guest that runs is for PV drivers",
              "`XlCommands.AttachAndDetachAPvInterface`, "
              "`UpgradedNetwork.ANicThatIsDetachedIsOnNoBridgeAfterAnUpgradeEither`"},
    XlCommand{"vcpu-set", "`query-hotpluggable-cpus`, `device_add`",
              "`GuestsHave.AVirtualCpuThatIsPluggedIn`"},
    XlCommand{"pci-attach, pci-detach, pci-list",
              "`device_add`, `device_del`, `query-pci`; `pci-list` asks Xen's own nodes",
              "`PciUnder.PluggedIntoARunningGuest`"},
    XlCommand{"usbctrl-attach, usbctrl-detach", "`device_add`, `device_del` of a controller",
              "`XlCommands.AttachAndDetachAUsbController`"},
    XlCommand{"usbdev-attach", "`device_add` of a host's device, which is refused (above)",
              "`XlCommands.AttachAndDetachAUsbController`"},
    XlCommand{"vkb-attach, vkb-detach", "a PV keyboard for a guest that runs",
              "`XlCommands.AttachAndDetachAPvKeyboard` (QEMU in dom0 ends when it is detached)"},
    XlCommand{"channel-list", "nothing: it reads xenstore",
              "`XlCommands.ChangeItsNameItsMemoryAndItsButtons`"},
    XlCommand{"qemu-monitor-command", "the human monitor (below)",
              "`GuestsHave.AHumanMonitorThatConcernsTheGuestAlone`"},
    XlCommand{"trigger s3resume", "`system_wakeup`", "`XlCommands.WakeAGuestThatSleeps`"},
    XlCommand{"trigger power, trigger sleep, trigger nmi, button-press", "nothing: Xen does it",
              "`XlCommands.ChangeItsNameItsMemoryAndItsButtons`"},
    XlCommand{"rename", "nothing", "`XlCommands.ChangeItsNameItsMemoryAndItsButtons`"},
    XlCommand{"mem-set, mem-max", "nothing: the guest's balloon and Xen",
              "`XlCommands.ChangeItsNameItsMemoryAndItsButtons`"},
    XlCommand{"dump-core", "nothing: Xen has the guest's memory",
              "`XlCommands.ChangeItsNameItsMemoryAndItsButtons`"},
    XlCommand{"list, vcpu-list, top (xentop)", "nothing; stub domains are shown as such",
              "`HostTools.ListShowAndSaveAsWithoutStubDomains`"},
    XlCommand{"remus, migrate with colo", "QMP commands that are refused (below)", ""},
};

constexpr std::array xens_limits{
    Limit{"graphics output (VNC/SDL/Spice) not supported", "VNC",
          "`LifeCycle.ShowsItsScreenOverVncAndItsStubDomainsSizeInStatus`"},
    Limit{"only one nic is supported", "eight; the lab has seen five in one guest",
          "`AsUnderQemuInDom0/OtherNics`, `QemuInDom0DoesNotStart/FiveNics`"},
    Limit{"at most 26 emulated disks are supported (more are still available as PV disks)",
          "64; the lab has seen thirty in one guest",
          "`Disks.ThirtyAreEmulated`, `tests/xen/vbd_test.cpp`"},
    Limit{"PCI passthrough require permissive mode",
          "xen-pciback is not permissive, and refuses what it should",
          "`PciUnder.*`, `Pci.AWriteThatXenPcibackRefusesHasNoEffect`"},
};

constexpr std::array<std::string_view, 65> unseen{
    "name",
    "uuid",
    "type",
    "pool",
    "cpus",
    "cpus_soft",
    "cpu_weight",
    "cap",
    "maxmem",
    "vnuma",
    "on_poweroff",
    "on_reboot",
    "on_watchdog",
    "on_crash",
    "on_soft_reset",
    // what hvmloader and Xen do, before and beside the device model
    "apic",
    "pae",
    "nx",
    "hpet",
    "acpi_s3",
    "acpi_s4",
    "acpi_laptop_slate",
    "acpi_firmware",
    "smbios_firmware",
    "smbios",
    "bios_path_override",
    "ms_vm_genid",
    "hap",
    "oos",
    "shadow_memory",
    "altp2m",
    "altp2mhvm",
    "nestedhvm",
    "cpuid",
    "viridian",
    "tsc_mode",
    "timer_mode",
    "vpt_align",
    "localtime",
    "rtc_timeoffset",
    "hvm_pirq",
    "nomigrate",
    "seclabel",
    "init_seclabel",
    "max_grant_frames",
    "max_maptrack_frames",
    "max_grant_version",
    "max_event_channels",
    "driver_domain",
    "passthrough",
    "rdm",
    "rdm_mem_boundary",
    "dtdev",
    "ioports",
    "iomem",
    "irqs",
    "vmtrace_buf_kb",
    "mca_caps",
    "msr_relaxed",
    "xend_suspend_evtchn_compat",
    // other backends than QEMU's
    "vtpm",
    "pvcalls",
    "vdispl",
    "vsnd",
    "p9 with type=xen_9pfsd",
};

} // namespace

std::span<const XlCommand> xl_commands() { return commands; }
std::span<const Limit> limits() { return xens_limits; }
std::span<const std::string_view> options_of_others() { return unseen; }

} // namespace linstub::served
