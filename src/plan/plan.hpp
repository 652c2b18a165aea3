// SPDX-License-Identifier: MIT
// Plan: what the device model's command line asks for, sorted by who has to do it: arguments for
// QEMU in the stub domain, devices that the stub domain needs, and services of linstub-dm in dom0.
#pragma once

#include "disk/disk.hpp"
#include "plan/qemu_option.hpp"
#include "plan/settings.hpp"
#include "wire/paths.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace linstub::plan {

// A file of dom0 that linstub-init copies into the stub domain, from a read-only disk.
struct CopiedFile {
  disk::Disk disk;
  std::string path; // in the stub domain, below wire::files_directory

  bool operator==(const CopiedFile &) const = default;
};

// An emulated NIC. The stub domain's vif has the name that QEMU's tap would have in dom0, so that
// libxl's hotplug script for the tap finds it.
struct Nic {
  uint8_t index = 0; // of -netdev id=net<index>, and of the vif
  std::string interface;
  std::string bridge;
  std::string mac; // of the frontend in the stub domain: not the guest's

  bool operator==(const Nic &) const = default;
};

// Where VNC is served in dom0.
struct VncAddress {
  std::string host; // empty: all addresses
  uint16_t first_port = 0;
  uint16_t last_port = 0; // as many are tried as lie between
  bool password = false;
  int display =
      -1; // with Display::pixels: the link to the process that serves it, once there is one

  bool operator==(const VncAddress &) const = default;
};

// Where a serial port of the guest leads to in dom0.
enum class SerialKind { pty, file, socket, device, null };
struct SerialPort {
  SerialKind kind = SerialKind::null;
  std::string path; // of file, socket and device; of a pty that was opened already
  int master = -1;  // of that

  bool operator==(const SerialPort &) const = default;
};

// A PV console of the guest beside its first one, which is what libxl makes of an entry of
// channel=: device/console/<number>. Its line in dom0 is one more, after the serial ports'.
struct PvConsole {
  uint32_t number = 0;
  SerialPort port; // pty or socket

  bool operator==(const PvConsole &) const = default;
};

// A monitor socket that linstub-dm serves in dom0: a path, or a descriptor that libxl opened.
struct MonitorAddress {
  std::string path;
  int fd = -1;

  bool operator==(const MonitorAddress &) const = default;
};

enum class Start { running, paused }; // paused: QEMU waits for "cont"

struct Plan {
  std::optional<xen::DomId> guest;
  std::string name;
  Start start = Start::running;
  int incoming = -1; // the descriptor of a saved state that libxl has opened, -1 for a new guest
  std::vector<QemuOption> qemu; // all but what `start` and `incoming` say
  uint32_t video_memory = 0;    // MiB, of the guest's graphics card; 0 if nothing is said of it
  // PCI devices may be passed through to it. Then QEMU asks Xen for what the stub domain's kernel
  // would else keep from it.
  bool may_have_pci = false;
  uint32_t physical_cpus = 1; // of the host
  std::vector<CopiedFile> files;
  std::vector<disk::Disk> pv_disks; // that no emulated drive has: for the guest's PV drivers alone
  std::optional<disk::Disk> tpm;    // the state of its TPM
  uint32_t pv_served = 0;           // how many disks QEMU serves to PV drivers
  std::vector<Nic> nics;
  std::optional<VncAddress> vnc;
  std::vector<SerialPort> serial;
  std::vector<PvConsole> consoles;
  std::vector<MonitorAddress> monitors;
  Settings settings;
};

// MiB: libxl says it of each card that it adds, and a card of which nothing is said has the usual.
inline uint32_t video_memory_of(const Plan &plan) {
  constexpr uint32_t usual = 16;
  return plan.video_memory == 0 ? usual : plan.video_memory;
}

} // namespace linstub::plan
