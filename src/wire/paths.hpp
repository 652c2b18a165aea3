// SPDX-License-Identifier: MIT
// Names that dom0 and the stub domain agree on: xenstore nodes, and files inside the stub domain.
//
// Under /local/domain/<stub domain>:
//
//   node                               written by  meaning
//   target                             dom0        domid of the guest (Xen's own protocol)
//   linstub/version                    dom0        protocol_version (frame.hpp). Its absence means
//                                                  libxl's own stub domain mode. A spare stub
//                                                  domain waits for it: all else is there then
//   linstub/guest                      dom0        whose stub domain it is: a domid. There from the
//                                                  domain's first moment (of a spare one, from when
//                                                  a guest takes it), for dom0 itself to find it
//                                                  (stubdom/ownership.hpp). The stub domain cannot
//                                                  write it, as none that is said to be dom0's
//   linstub/log-level                  dom0        error, warning, info or debug
//   linstub/screen                     dom0        MiB of the largest screen that viewers can see;
//                                                  0 if there are no viewers (memory.hpp)
//   linstub/restore                    dom0        MiB of its memory that are for a state, and go
//                                                  back when QEMU has it
//   linstub/files/<n>/device           dom0        vdev name (xvdX) of a disk that holds a file
//   linstub/files/<n>/size             dom0        its size in bytes, decimal
//   linstub/files/<n>/path             dom0        where linstub-init copies it to, in /run/files
//   device-model/<guest>/state         stub        "running", by QEMU (Xen's own protocol)
//   data/linstub/state                 stub        booting, devices, qemu, running, failed
//   data/linstub/error                 stub        one line, at most longest_error bytes: why it
//                                                  failed. Hostile: for people to read, cleaned
//   data/linstub/channel/{ring-ref,event-channel}  stub  the vchan of frame.hpp, served by the
//                                                  stub domain, once QEMU's sockets are there
//   data/linstub/pci                   stub        once QEMU runs, if the image can serve PCI
//                                                  devices: the real addresses of those that QEMU
//                                                  can use now, with blanks between, at most
//                                                  longest_pci bytes. Hostile: compared, no more
//   data/linstub/disks                 stub        once QEMU runs: the names (xvdX) of the disks
//                                                  that QEMU can open now, with blanks between, at
//                                                  most longest_disks bytes; "!" behind one that
//                                                  has lost something and takes no more
//                                                  (disk_errors.hpp). Hostile: compared, no more
//   linstub/leaving                    dom0        disks that it is about to take away
//                                                  (leaving_disks.hpp)
//   data/linstub/left                  stub        once QEMU runs: which of them may go. Without it
//                                                  the image is an older one, and cannot be asked.
//                                                  Hostile: compared, no more
//   data/linstub/call                  stub        what QEMU needs done to its guest, and may not
//                                                  do itself (guest_call.hpp). Hostile: checked
//   linstub/answer                     dom0        to the call of that serial
//   data/linstub/memory                stub        once QEMU runs, every half a minute if it has
//                                                  changed: what the domain has of memory, and for
//                                                  what: six numbers with a blank between
//                                                  (memory.hpp). Hostile: for people to read, at
//                                                  most longest_memory bytes
//   backend/<kind>/<guest>/<number>    dom0, stub  what QEMU serves to the guest's PV drivers
//                                                  (Xen's own protocol). A disk's has online=0
//                                                  until linstub-init writes online=1: QEMU may
//                                                  open it (stub/backend_gate.hpp)
//
// QEMU's arguments are where libxl's own Linux stub domain mode puts them (Xen's
// docs/misc/stubdom.txt): /vm/<uuid of the stub domain>/image/dm-argv/<nnn>, in order.
#pragma once

#include "base/format.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace linstub::wire {

constexpr const char *version_node = "linstub/version";
constexpr const char *owner_node = "linstub/guest";
constexpr const char *log_level_node = "linstub/log-level";
constexpr const char *screen_node = "linstub/screen";
constexpr const char *restore_node = "linstub/restore";
constexpr const char *files_node = "linstub/files";
constexpr const char *state_node = "data/linstub/state";
constexpr const char *error_node = "data/linstub/error";
constexpr const char *channel_node = "data/linstub/channel";
constexpr const char *pci_node = "data/linstub/pci";
constexpr size_t longest_pci = 512;
// Where a toolstack asks a domain to shut down or to reboot (Xen's
// docs/misc/xenstore-paths.pandoc).
constexpr const char *shutdown_node = "control/shutdown";
constexpr const char *disks_node = "data/linstub/disks";
constexpr size_t longest_disks = 512;
constexpr const char *leaving_node = "linstub/leaving";
constexpr const char *left_node = "data/linstub/left";
constexpr const char *call_node = "data/linstub/call";
constexpr const char *answer_node = "linstub/answer";
constexpr const char *memory_node = "data/linstub/memory";
constexpr size_t longest_memory = 96;
constexpr size_t longest_error = 512;

// Beside linstub-init there is a file system with QEMU and all that it needs (EROFS), which
// linstub-init mounts and makes the root: a file in the ramdisk, or the disk of this name, which is
// no other's (xen/vbd.hpp). Its content is in manifest/stub_image.hpp.
constexpr const char *system_file = "/system.erofs";
constexpr const char *system_disk = "xvdzz";
constexpr const char *system_directory = "/system";

// QEMU's unix sockets in the stub domain: linstub-dm names them in QEMU's arguments, linstub-init
// connects to them when a stream asks for the service.
constexpr const char *qmp_socket = "/run/qmp.sock";
constexpr const char *vnc_socket = "/run/vnc.sock";
// Lines count through: first the serial ports, then the PV consoles.
inline std::string serial_socket(uint8_t index) {
  return base::format("/run/serial{}.sock", index);
}
constexpr uint8_t most_serial_ports = 4;
constexpr uint8_t most_consoles = 4;
constexpr uint8_t most_lines = most_serial_ports + most_consoles;
constexpr uint8_t line_of_console(size_t place) {
  return static_cast<uint8_t>(most_serial_ports + place);
}

// Where copied files (a guest's kernel and initrd) live in the stub domain.
constexpr const char *files_directory = "/run/files";

// QEMU's tap of NIC <n>, -netdev type=tap,id=net<n>,…: linstub-init joins one to the frontend
// device/vif/<n> and hands it to QEMU as a descriptor in place of ifname=.

// -chardev linstub:tpm,id=<id>,path=/dev/xvdX: linstub-init starts a TPM whose state is on that
// disk, and puts in place of it the socket that QEMU controls it by.
constexpr const char *tpm_argument = "linstub:tpm";

} // namespace linstub::wire
