// SPDX-License-Identifier: MIT
// GuestRun: one of the lab's guests, running on a host, spoken to through its serial port.
#pragma once

#include "lab/host.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace linstub::lab {

// Where a guest's QEMU runs.
enum class DeviceModel : uint8_t {
  linstub,    // in a stub domain, by linstub-dm
  dom0,       // in dom0, as Xen does it
  libxl_stub, // in a stub domain with our image, by libxl's own Linux mode
  minios,     // in a stub domain of MiniOS, by libxl: the traditional QEMU (minios_directory)
};

// Where a host has the files of a MiniOS stub domain: ioemu-stubdom.gz, hvmloader.
constexpr const char *minios_directory = "/lab/minios";

// For people: "QEMU in dom0".
const char *device_model_name(DeviceModel device_model);

// An option for the tiny guest's kernel: it leaves e1000 and e1000e alone. Reading the emulated
// NIC's EEPROM, bit by bit, makes thousands of exits, half of the guest's boot in the lab.
constexpr const char *without_nic = "initcall_blacklist=e1000_init_module";

struct GuestConfig {
  std::string name;
  DeviceModel device_model = DeviceModel::linstub;
  std::string disk = "/lab/tiny.img"; // on the host; empty: none
  std::string cdrom;                  // on the host, to boot from; empty: no drive
  bool direct_boot = false;           // kernel and initrd of the tiny guest, from the host
  std::string options;                // further ones, for the kernel of a direct boot
  unsigned memory = 128;              // MiB
  std::string bridge = "xenbr0";
  std::vector<std::string> extra; // further lines; they override those before
};

// Further lines for the guest with PV drivers (Stage::add_pv_guest()), without a NIC; `options` are
// its kernel's.
std::vector<std::string> pv_guest_lines(std::string_view options = "");

// The xl.cfg text.
std::string xl_config(const GuestConfig &config);

class GuestRun {
public:
  // `xl create`, and a reader for the serial port. The error is what xl and the log say.
  static base::Result<GuestRun> create(const Host &host, const GuestConfig &config,
                                       base::Milliseconds limit);

  // A guest that somebody else has just started (libvirt), and a reader for its serial port.
  static base::Result<GuestRun> meet(const Host &host, const std::string &name);

  [[nodiscard]] const std::string &name() const { return name_; }

  // What the guest has said on its serial port since the start.
  [[nodiscard]] base::Result<std::string> said() const;

  // Waits until a line of the serial port starts with `prefix`; returns the line.
  base::Result<std::string> wait_for(std::string_view prefix, base::Milliseconds limit);

  // Gives a command to the guest's prompt and waits for its answer ("+ ..." or "- ...", without
  // the echo). An answer that starts with "-" is an error.
  base::Result<std::string> ask(const std::string &command, base::Milliseconds limit);

  // The same without waiting: for commands that the guest does not live to answer.
  base::Result<> tell(const std::string &command) const;

  // Follows the serial port of the domain that now has the name: after a reboot there is a new one.
  base::Result<> follow();

  [[nodiscard]] base::Result<std::string> domid() const;

  // Files on the host whose times say when `xl create` began and ended, and when the guest last
  // said something.
  [[nodiscard]] std::string begin_mark() const { return "/run/lab-" + name_ + ".begin"; }
  [[nodiscard]] std::string end_mark() const { return "/run/lab-" + name_ + ".end"; }
  [[nodiscard]] std::string serial_log() const { return "/run/lab-" + name_ + ".serial"; }

  // The last lines of the device model's log.
  [[nodiscard]] std::string log() const;

private:
  GuestRun(Host host, std::string name) : host_(std::move(host)), name_(std::move(name)) {}
  // What it has said as soon as that is more than `size` bytes, or the limit has passed.
  [[nodiscard]] base::Result<std::string> said_beyond(size_t size, base::Milliseconds limit) const;

  Host host_;
  std::string name_;
  size_t seen_ = 0; // bytes of the serial log that earlier answers took
};

} // namespace linstub::lab
