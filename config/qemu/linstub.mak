# The devices that QEMU has in the stub domain: what libxl 4.20 can ask of an HVM guest's device
# model (tools/libs/light/libxl_dm.c, libxl_usb.c, libxl_pci.c), and nothing else. It is read after
# `--without-default-devices`, so a device that is not named here does not exist.
# Xen's own devices (xen-platform, xen-pvdevice, xen-pci-passthrough) come with CONFIG_XEN.
#
# `-device help` lists more, which no option leaves out. The machine selects acpi-erst, vmclock,
# vmgenid, vmcoreinfo and ramfb. Others are in one source file with one that is wanted: variants of
# e1000 and UHCI, ich9 EHCI, qemu-xhci, lsi53c810, secondary-vga, scsi-block and scsi-generic; the
# machines xenpv and xenpvh come with CONFIG_XEN. No guest has one unless its xl.cfg asks for it.

# Machines "xenfv" and "pc": i440FX with PIIX3, its IDE and UHCI controllers.
CONFIG_I440FX=y
CONFIG_ISAPC=n
CONFIG_Q35=n
CONFIG_MICROVM=n

# vga="stdvga" and vga="cirrus".
CONFIG_VGA_PCI=y
CONFIG_VGA_CIRRUS=y

# hdtype="ahci", and disks named sdX.
CONFIG_AHCI_ICH9=y
CONFIG_LSI_SCSI_PCI=y

# model= of a NIC: free text for libxl; these are the documented ones that guests have drivers for.
CONFIG_E1000_PCI=y
CONFIG_E1000E_PCI_EXPRESS=y
CONFIG_RTL8139_PCI=y
CONFIG_PCNET_PCI=y
CONFIG_NE2000_PCI=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_NET=y

# usbversion=1, 2, 3; usbdevice="tablet", "mouse", "keyboard".
CONFIG_USB_UHCI=y
CONFIG_USB_EHCI_PCI=y
CONFIG_USB_XHCI_NEC=y
CONFIG_USB_HID=y
# QEMU plugs one in by itself when a controller's ports run out.
CONFIG_USB_HUB=y

# soundhw="ac97", "es1370", "hda". The sound goes to VNC clients that ask for it.
CONFIG_AC97=y
CONFIG_ES1370=y
CONFIG_HDA=y

# A TPM 2.0 (tpm= of linstub.toml), which swtpm emulates beside QEMU. Xen's hvmloader tells a guest of
# this kind of interface.
CONFIG_TPM_CRB=y
CONFIG_TPM_EMULATOR=y

# No guest needs these two of a stub domain (Xen has the HPET), but Debian's QEMU in dom0 has them,
# and a guest that was saved there has their state, which a QEMU without them refuses.
CONFIG_HPET=y
CONFIG_FDC_ISA=y
