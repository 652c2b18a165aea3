// SPDX-License-Identifier: MIT
// The options of xl.cfg(5), xl-disk-configuration(5) and xl-network-configuration(5), in the order
// of their subjects. The arguments are those of libxl_dm.c, libxl__build_device_model_args_new().
#include "served/table.hpp"

#include <array>

namespace linstub::served {
namespace {

using enum Way;

constexpr std::array boot{
    Row{"kernel, ramdisk, cmdline", arguments,
        "-kernel /boot/vmlinuz -initrd /boot/initrd -append quiet",
        "`LifeCycle.BootsDirectlyWithoutVncAndPowersOffAndLeavesNothing`", ""},
    Row{"boot=\"c\"", arguments, "-boot order=c",
        "`LifeCycle.BootsFromItsDiskTalksOnSerialUsesDiskAndNetwork`", ""},
    Row{"boot=\"d\"", arguments, "-boot order=d", "`ForeignMedia.GrubsRescueCdBootsToItsPrompt`",
        ""},
    Row{"boot=\"n\"", arguments,
        "-boot order=n -device rtl8139,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no",
        "`Networks.AreBootedFrom`", ""},
    Row{"bios=\"seabios\"", arguments, "",
        "`LifeCycle.BootsFromItsDiskTalksOnSerialUsesDiskAndNetwork`", ""},
    Row{"bios=\"ovmf\"", arguments, "", "`Uefi.BootsToItsShellSeesItsDiskAndKeepsItsVariables`",
        "the same: its variables are in a file on the guest's first FAT file system; with "
        "`vga=\"stdvga\"` it stops, and its `reset` hangs, with Linstub too"},
    Row{"bios=\"rombios\"", toolstack, "qemu-xen does not support bios=rombios.", "", ""},
    Row{"acpi=0", arguments, "-no-acpi", "`QemuInDom0DoesNotStart/WithoutAcpi`",
        "does not start: QEMU 10 has no option `-no-acpi`"},
    Row{"vcpus, maxvcpus", arguments, "-smp 1,maxcpus=2", "`GuestsHave.AVirtualCpuThatIsPluggedIn`",
        ""},
    Row{"memory=3584, mmio_hole=1024", arguments,
        "-machine xenfv,suppress-vmdesc=on,max-ram-below-4g=3221225472 -m 3568",
        "`AsUnderQemuInDom0/ScsiUsb2AndWhatIsTheDefault`", ""},
    Row{"xen_platform_pci=0", arguments, "-machine pc,accel=xen,suppress-vmdesc=on",
        "`AsUnderQemuInDom0/WithoutXensPlatformDevice`", ""},
    Row{"vendor_device=\"xenserver\"", arguments, "-device xen-pvdevice,device-id=0xc000",
        "`AsUnderQemuInDom0/Usb3WithoutAScreen`", ""},
    Row{"device_model_version=\"qemu-xen-traditional\"", arguments, "-d 7 -domain-name guest", "",
        "another program, which Debian does not have"},
    Row{"dm_restrict=1, device_model_user", arguments,
        "-xen-domid-restrict -run-with chroot=/var/run/xen/qemu-root-7 -run-with user=65543",
        "`GuestsHave.ADeviceModelThatLibxlRestricts`", "works; here it has nothing to restrict"},
    Row{"device_model_args_hvm=[\"-global\", ...]", arguments, "-global VGA.edid=off",
        "`tests/plan/arguments_test.cpp`", ""},
    Row{"device_model_args_hvm=[\"-linstub\", \"tpm=/a.tpm\"]", arguments, "-linstub tpm=/a.tpm",
        "`Tpm.KeepsItsSecretsAndWhatWasMeasured`", "no such setting; libxl starts no swtpm"},
    Row{"device_model_args_hvm=[\"-tpmdev\", ...]", arguments, "-tpmdev emulator,id=t,chardev=c",
        "", "works, with a swtpm that somebody starts"},
    Row{"device_model_args_hvm=[\"-hda\", \"/a.img\"]", arguments, "-hda /a.img", "", "works"},
    Row{"device_model_args_hvm=[\"-object\", ...]", arguments, "-object rng-random,id=r", "",
        "works"},
};

constexpr std::array screen{
    Row{"vnc=1, vnclisten, vncdisplay", arguments, "-vnc 127.0.0.1:5",
        "`LifeCycle.ShowsItsScreenOverVncAndItsStubDomainsSizeInStatus`", ""},
    Row{"vncunused=1", arguments, "-vnc 127.0.0.1:0,to=99",
        "`LifeCycle.ShowsItsScreenOverVncAndItsStubDomainsSizeInStatus`", ""},
    Row{"vncpasswd", arguments, "-vnc 127.0.0.1:0,password=on,to=99", "`GuestsHave.AVncPassword`",
        ""},
    Row{"vnc=0", arguments, "-vnc none -display none",
        "`LifeCycle.BootsDirectlyWithoutVncAndPowersOffAndLeavesNothing`", ""},
    Row{"keymap=\"de\"", arguments, "-k de", "`AsUnderQemuInDom0/UsbTabletMouseAndKeyboard`", ""},
    Row{"vga=\"stdvga\", videoram", arguments, "-device VGA,vgamem_mb=32",
        "`AsUnderQemuInDom0/ScsiUsb2AndWhatIsTheDefault`, "
        "`LargeScreen.IsShownBesideViewersThatDoNotRead`",
        ""},
    Row{"vga=\"cirrus\"", arguments, "-device cirrus-vga,vgamem_mb=8",
        "`AsUnderQemuInDom0/UsbTabletMouseAndKeyboard`", ""},
    Row{"vga=\"none\", nographic=1", arguments, "-nographic",
        "`AsUnderQemuInDom0/Usb3WithoutAScreen`", ""},
    Row{"vga=\"qxl\"", arguments, "-device qxl-vga,vram_size_mb=64,ram_size_mb=64", "", "works"},
    Row{"sdl=1, opengl=1", arguments, "-display sdl", "",
        "does not start: it is built without SDL"},
    Row{"spice=1, spicehost, spiceport, ...", arguments,
        "-spice port=6000,tls-port=0,addr=127.0.0.1,disable-ticketing=on", "", "works"},
    Row{"gfx_passthru=\"igd\"", arguments, "-machine xenfv,suppress-vmdesc=on,igd-passthru=on", "",
        "works with Intel's graphics"},
    Row{"vfb=[ ... ]", backend, "vfb", "", "no HVM guest needs it"},
    Row{"vkb_device=1", backend, "vkbd",
        "`PvDrivers.HaveAQcow2DiskAndTheKeyboardFromTheStubDomain`", ""},
};

constexpr std::array disks{
    Row{"disk: format=raw, vdev=hda", arguments,
        "-drive file=/a.img,if=ide,index=0,media=disk,format=raw,cache=writeback",
        "`LifeCycle.BootsFromItsDiskTalksOnSerialUsesDiskAndNetwork`", ""},
    Row{"disk: format=qcow2, vdev=hda", arguments,
        "-drive file=/a.qcow2,if=ide,index=0,media=disk,format=qcow2,cache=writeback",
        "`PvDrivers.TakeADiskOverWithAllThatWasWrittenThroughItsEmulation`",
        "the same, decoded in dom0"},
    Row{"disk: vdev=sda (SCSI)", arguments,
        "-device lsi53c895a -drive file=/a.img,id=scsi0-hd0,format=raw,if=none,readonly=off,"
        "cache=writeback -device scsi-hd,drive=scsi0-hd0,scsi-id=0",
        "`AsUnderQemuInDom0/ScsiUsb2AndWhatIsTheDefault`", ""},
    Row{"disk: vdev=sda, access=ro", arguments,
        "-device lsi53c895a -drive file=/a.img,id=scsi0-hd0,format=raw,if=none,readonly=on,"
        "cache=writeback -device scsi-hd,drive=scsi0-hd0,scsi-id=0",
        "`Disks.ThatAreReadOnlyStayAsTheyAre`", ""},
    Row{"disk: vdev=hda, access=ro", toolstack,
        "qemu-xen doesn't support read-only IDE disk drivers", "", ""},
    Row{"hdtype=\"ahci\"", arguments,
        "-device ahci,id=ahci0 -drive file=/a.img,if=none,id=ahcidisk-0,format=raw,cache=writeback "
        "-device ide-hd,bus=ahci0.0,unit=0,drive=ahcidisk-0",
        "`FiguresTest.OfAhciPvScreenSaveRestoreMigrationAndUpgrade`", ""},
    Row{"disk: devtype=cdrom", arguments,
        "-drive if=none,readonly=on,id=ide-5632,file=/a.iso,format=raw "
        "-device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0",
        "`LifeCycle.ChangesTheMediumOfItsCdRomDrive`, `ForeignMedia.*`", ""},
    Row{"disk: devtype=cdrom, empty", arguments,
        "-drive if=none,readonly=on,id=ide-5632 "
        "-device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0",
        "`LifeCycle.ChangesTheMediumOfItsCdRomDrive`", ""},
    Row{"disk: beyond those that QEMU emulates", backend, "qdisk",
        "`PvDrivers.HaveMoreQcow2DisksThanQemuEmulates`",
        "the same, and more than 16 of them may be images (not raw ones, nor devices)"},
    Row{"disk: discard", backend, "qdisk", "`PvDrivers.GiveRoomBackThatTheyDiscard`", ""},
    Row{"device_model_args_hvm: more than 26 emulated disks", arguments,
        "-device ahci,id=a -drive file=/a.img,if=none,id=d,format=raw "
        "-device ide-hd,bus=a.0,drive=d",
        "`Disks.ThirtyAreEmulated`", ""},
    Row{"disk: format=vhd", arguments, "-drive file=/a.vhd,if=ide,index=0,media=disk,format=vpc",
        "", "works"},
    Row{"disk: format=qed", arguments, "-drive file=/a.qed,if=ide,index=0,media=disk,format=qed",
        "", "works"},
    Row{"disk: target of a network protocol", arguments,
        "-drive file=nbd:10.0.0.1:10809,if=ide,index=0,media=disk,format=raw", "", "works"},
    Row{"disk: colo", arguments,
        "-drive if=ide,index=0,media=disk,cache=writeback,driver=quorum,id=c", "", "works"},
    Row{"disk: target on a block device, backendtype=phy", arguments,
        "-drive file=/dev/vg/guest,if=ide,index=0,media=disk,format=raw,cache=writeback",
        "`System.StaysAtWorkThroughAllThatIsDoneToIt`, `Disks.OfADeviceWithSectorsOf4096Bytes`",
        ""},
};

constexpr std::array networks{
    Row{"vif: model=e1000", arguments,
        "-device e1000,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no",
        "`LifeCycle.BootsFromItsDiskTalksOnSerialUsesDiskAndNetwork`, "
        "`Networks.CarryTaggedLargeAndMulticastFrames`",
        ""},
    Row{"vif: model=rtl8139 (default)", arguments,
        "-device rtl8139,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no",
        "`Networks.EachNicIsOnItsOwnBridge`", ""},
    Row{"vif: model=e1000e", arguments,
        "-device e1000e,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no",
        "`AsUnderQemuInDom0/OtherNics`", ""},
    Row{"vif: model=pcnet, ne2k_pci, virtio-net", arguments,
        "-device pcnet,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no",
        "`Networks.OfRareModelsCarryFrames`", ""},
    Row{"vif: model=vmxnet3 and others", arguments,
        "-device vmxnet3,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net0,ifname=vif7.0-emu,br=xenbr0,script=no,downscript=no",
        "", "works"},
    Row{"vif: type=vif (for PV drivers only)", arguments, "-net none",
        "`PvDrivers.HaveAQcow2DiskAndTheKeyboardFromTheStubDomain`", ""},
    Row{"vif: bridge=..., mac=..., vifname=...", arguments,
        "-device rtl8139,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net0,ifname=web-emu,br=xenbr1,script=no,downscript=no",
        "`Networks.EachNicIsOnItsOwnBridge`", ""},
    Row{"more than 4 emulated NICs", arguments,
        "-device rtl8139,id=nic4,netdev=net4,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net4,ifname=vif7.4-emu,br=xenbr0,script=no,downscript=no",
        "`QemuInDom0DoesNotStart/FiveNics`",
        "does not start: there is no memory for the fifth boot ROM (here the fifth has none)"},
    Row{"more than 8 emulated NICs", arguments,
        "-device rtl8139,id=nic8,netdev=net8,mac=00:16:3e:01:02:03 "
        "-netdev type=tap,id=net8,ifname=vif7.8-emu,br=xenbr0,script=no,downscript=no",
        "", "does not start, as with five"},
};

constexpr std::array others{
    Row{"serial=\"pty\"", arguments, "-serial pty",
        "`LifeCycle.BootsFromItsDiskTalksOnSerialUsesDiskAndNetwork`", ""},
    Row{"serial=[ \"pty\", \"file:/...\", \"unix:/...,server=on\", \"null\" ]", arguments,
        "-serial pty -serial file:/var/log/guest -serial unix:/run/guest,server=on,wait=off "
        "-serial null",
        "`XlCfg.FourSerialPortsLeadToAPtyAFileASocketAndNowhere`", ""},
    Row{"serial=\"/dev/ttyS1\"", arguments, "-serial /dev/ttyS1", "`tests/plan/arguments_test.cpp`",
        ""},
    Row{"serial=\"tcp:...\", \"telnet:...\", \"udp:...\", \"vc\", \"stdio\"", arguments,
        "-serial tcp::4444", "", "works"},
    Row{"five serial ports", arguments,
        "-serial pty -serial pty -serial pty -serial pty -serial pty", "",
        "does not start: QEMU has four"},
    Row{"channel=[ ... ]", arguments, "-chardev pty,id=libxl-channel1",
        "`PvDrivers.HaveChannelsToAPtyAndToASocket`", ""},
    Row{"usb=1, usbdevice=[ \"tablet\", \"mouse\", \"keyboard\" ]", arguments,
        "-usb -usbdevice tablet -usbdevice mouse -usbdevice keyboard",
        "`AsUnderQemuInDom0/UsbTabletMouseAndKeyboard`", ""},
    Row{"usbdevice=\"host:1234:5678\"", arguments, "-usb -usbdevice host:1234:5678", "",
        "does not start: QEMU 10 has no `host:` any more"},
    Row{"usbdevice=\"braille\", \"wacom-tablet\"", arguments, "-usb -usbdevice braille", "",
        "works"},
    Row{"usbversion=1", arguments, "-device piix3-usb-uhci,id=usb", "`AsUnderQemuInDom0/Usb1`", ""},
    Row{"usbversion=2", arguments,
        "-device ich9-usb-ehci1,id=usb,addr=0x1d.0x7,multifunction=on "
        "-device ich9-usb-uhci1,masterbus=usb.0,firstport=0,addr=0x1d.0,multifunction=on",
        "`AsUnderQemuInDom0/ScsiUsb2AndWhatIsTheDefault`", ""},
    Row{"usbversion=3", arguments, "-device nec-usb-xhci,id=usb",
        "`AsUnderQemuInDom0/Usb3WithoutAScreen`", ""},
    Row{"usbctrl=[ \"type=devicemodel\" ]", command,
        R"(device_add {"driver":"nec-usb-xhci","id":"xenusb-0","p2":8,"p3":8})",
        "`AsUnderQemuInDom0/UsbControllersByXl`", ""},
    Row{"usbctrl=[ \"type=qusb\" ]", backend, "qusb", "", "works"},
    Row{"usbdev=[ \"hostbus=1,hostaddr=2\" ]", command,
        R"(device_add {"driver":"usb-host","id":"xenusb-1-2","bus":"xenusb-0.0"})", "", "works"},
    Row{"soundhw=\"hda\"", arguments, "-device intel-hda -device hda-duplex",
        "`QemuInDom0DoesNotStart/SoundHda`",
        "does not start: QEMU 10 wants `audiodev`, libxl names none"},
    Row{"soundhw=\"ac97\"", arguments, "-device ac97", "`QemuInDom0DoesNotStart/SoundAc97`",
        "does not start, as hda"},
    Row{"soundhw=\"es1370\"", arguments, "-device es1370", "`QemuInDom0DoesNotStart/SoundEs1370`",
        "does not start, as hda"},
    Row{"soundhw=\"sb16\", \"gus\", \"adlib\", \"cs4231a\"", arguments, "-device sb16", "",
        "does not start, as hda"},
    Row{"pci=[ ... ]", command,
        R"(device_add {"driver":"xen-pci-passthrough","hostaddr":"0000:01:00.0"})", "`PciUnder.*`",
        "works, in permissive mode for some devices"},
    Row{"p9=[ ... ], type=qemu", backend, "9pfs", "", "works"},
};

constexpr std::array all{
    Section{"Boot, machine", boot},
    Section{"Screen", screen},
    Section{"Disks", disks},
    Section{"Networks", networks},
    Section{"Serial ports, USB, sound, PCI and the rest", others},
};

} // namespace

std::span<const Section> sections() { return all; }

} // namespace linstub::served
