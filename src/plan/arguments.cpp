// SPDX-License-Identifier: MIT
#include "plan/arguments.hpp"

#include "plan/consoles.hpp"
#include "plan/devices.hpp"
#include "plan/drives.hpp"
#include "wire/options.hpp"
#include "xen/vbd.hpp"

#include <algorithm>
#include <array>

namespace linstub::plan {
namespace {

using base::fail;
using base::Result;

// What translation collects beside the plan.
struct Context {
  Plan plan;
  std::vector<std::string> monitor_chardevs; // ids that a -mon has to refer to
  std::vector<std::pair<uint8_t, std::string>> nic_macs;
};

Result<> pass_flag(Context &context, const std::string &option, const std::string &) {
  context.plan.qemu.push_back({.name = option, .value = {}});
  return {};
}

Result<> pass(Context &context, const std::string &option, const std::string &value) {
  context.plan.qemu.push_back({.name = option, .value = value});
  return {};
}

Result<> drop(Context &, const std::string &, const std::string &) { return {}; }

Result<> set_domid(Context &context, const std::string &option, const std::string &value) {
  context.plan.guest = TRY(xen::parse_domid(value));
  return pass(context, option, value);
}

Result<> set_name(Context &context, const std::string &option, const std::string &value) {
  wire::Options name = wire::Options::parse(value);
  context.plan.name = name.get_implied("guest");
  return pass(context, option, value);
}

Result<> start_paused(Context &context, const std::string &, const std::string &) {
  context.plan.start = Start::paused;
  return {};
}

// What QEMU is told is the same for all: dom0's end is linstub-dm's.
Result<> add_console(Context &context, const std::string &option, PvConsole console) {
  std::vector<PvConsole> &consoles = context.plan.consoles;
  if (consoles.size() >= wire::most_consoles)
    return fail("more than {} channels", wire::most_consoles);
  const uint8_t line = wire::line_of_console(consoles.size());
  const std::string id = channel_id(console.number);
  consoles.push_back(std::move(console));
  return pass(
      context, option,
      base::format("socket,id={},path={},server=on,wait=off", id, wire::serial_socket(line)));
}

Result<> add_chardev(Context &context, const std::string &option, const std::string &value) {
  if (auto console = TRY(parse_channel(value)))
    return add_console(context, option, *std::move(console));
  wire::Options options = wire::Options::parse(value);
  std::string id = options.get_or("id", "");
  if (options.leader() != "socket" || !id.ends_with("-cmd"))
    return fail("only libxl's monitor sockets and channels are served, and no COLO or SPICE");
  MonitorAddress monitor{.path = options.get_or("path", ""), .fd = -1};
  if (auto fd = options.get("fd"))
    monitor.fd = static_cast<int>(TRY(xen::parse_number(*fd, 1'000'000)));
  if (monitor.path.empty() == (monitor.fd < 0))
    return fail("a monitor socket needs a path or a descriptor");
  context.plan.monitors.push_back(std::move(monitor));
  context.monitor_chardevs.push_back(std::move(id));
  return {};
}

Result<> check_monitor(Context &context, const std::string &, const std::string &value) {
  wire::Options options = wire::Options::parse(value);
  if (!std::ranges::contains(context.monitor_chardevs, options.get_or("chardev", "")) ||
      options.get_or("mode", "") != "control")
    return fail("it does not belong to a monitor socket of libxl");
  return {};
}

Result<> set_vnc(Context &context, const std::string &option, const std::string &value) {
  VncOption vnc = TRY(parse_vnc(value));
  context.plan.vnc = vnc.address;
  return pass(context, option, vnc.for_qemu);
}

Result<> set_display(Context &context, const std::string &option, const std::string &value) {
  if (value != "none")
    return fail("a stub domain has no display of its own: use vnc=1");
  return pass(context, option, value);
}

Result<> add_serial(Context &context, const std::string &option, const std::string &value) {
  std::vector<SerialPort> &ports = context.plan.serial;
  if (ports.size() >= wire::most_serial_ports)
    return fail("more than {} serial ports", wire::most_serial_ports);
  SerialPort port = TRY(parse_serial(value));
  bool connected = port.kind != SerialKind::null;
  auto index = static_cast<uint8_t>(ports.size());
  ports.push_back(std::move(port));
  return pass(context, option,
              connected ? base::format("unix:{},server=on,wait=off", wire::serial_socket(index))
                        : "null");
}

Result<> add_drive(Context &context, const std::string &option, const std::string &value) {
  Drive drive = TRY(translate_drive(value, disks_of(context.plan).size()));
  context.plan.qemu.push_back({.name = option, .value = std::move(drive)});
  return {};
}

// A kernel or an initrd: QEMU finds the copy under a fixed name.
Result<> copy_file(Context &context, const std::string &option, const std::string &value) {
  std::string target = base::format("{}/{}", wire::files_directory, option.substr(1));
  context.plan.files.push_back({.disk = {.path = value,
                                         .vdev = {},
                                         .format = disk::DiskFormat::raw,
                                         .mode = disk::DiskMode::read_only},
                                .path = target});
  return pass(context, option, target);
}

Result<> add_device(Context &context, const std::string &option, const std::string &value) {
  constexpr uint64_t most_video_memory = 512; // MiB
  wire::Options options = wire::Options::parse(value);
  TRY(check_device(options.get_implied("driver")));
  std::string netdev = options.get_or("netdev", "");
  if (netdev.starts_with("net")) {
    const uint8_t number = TRY(nic_number(netdev));
    TRY(check_nic(options, number));
    context.nic_macs.emplace_back(number, options.get_or("mac", ""));
  }
  // What is no such number is for QEMU to refuse.
  auto video = xen::parse_number(options.get_or("vgamem_mb", "0"), most_video_memory);
  context.plan.video_memory =
      std::max(context.plan.video_memory, static_cast<uint32_t>(video.value_or(0)));
  context.plan.qemu.push_back({.name = option, .value = Device{std::move(options)}});
  return {};
}

Result<> add_netdev(Context &context, const std::string &option, const std::string &value) {
  NetdevOption netdev = TRY(translate_netdev(value));
  context.plan.nics.push_back(std::move(netdev.nic));
  return pass(context, option, netdev.for_qemu);
}

Result<> check_net(Context &context, const std::string &option, const std::string &value) {
  if (value != "none")
    return fail("only \"none\" is served: name NICs with vif= in the guest's configuration");
  return pass(context, option, value);
}

Result<> check_machine(Context &context, const std::string &option, const std::string &value) {
  wire::Options options = wire::Options::parse(value);
  if (options.get_implied("type") == "xenpv")
    return fail("linstub-dm serves HVM guests only: remove device_model_override");
  if (options.get_or("igd-passthru", "off") == "on")
    return fail("graphics passthrough is not served: take gfx_passthru out");
  return pass(context, option, value);
}

// QEMU has no such option any more, but libxl still says acpi=0 so.
Result<> without_acpi(Context &context, const std::string &, const std::string &) {
  return pass(context, "-machine", "acpi=off");
}

Result<> add_usb_device(Context &context, const std::string &option, const std::string &value) {
  TRY(check_usb_device(value));
  return pass(context, option, value);
}

Result<> set_linstub(Context &context, const std::string &, const std::string &value) {
  return set_all(context.plan.settings, value);
}

Result<> set_incoming(Context &context, const std::string &, const std::string &value) {
  constexpr std::string_view prefix = "fd:";
  if (!value.starts_with(prefix))
    return fail("only a state that libxl passes as fd:NUMBER is restored");
  context.plan.incoming = static_cast<int>(
      TRY(xen::parse_number(std::string_view(value).substr(prefix.size()), 1'000'000)));
  return {};
}
Result<> no_display(Context &, const std::string &, const std::string &) {
  return fail("a stub domain has no display of its own: use vnc=1 instead of sdl, gtk or spice");
}
Result<> no_files(Context &, const std::string &, const std::string &) {
  return fail("it names a file of dom0, which a stub domain has not got: use disk=, kernel=, "
              "ramdisk= or firmware= in the guest's configuration");
}
Result<> no_monitor(Context &, const std::string &, const std::string &) {
  return fail("linstub-dm serves libxl's monitor sockets only: use xl qemu-monitor-command");
}
Result<> no_pv(Context &, const std::string &, const std::string &) {
  return fail("linstub-dm serves HVM guests only: remove device_model_override");
}
Result<> no_traditional(Context &, const std::string &, const std::string &) {
  return fail("linstub-dm stands for QEMU as it is now: take "
              "device_model_version=\"qemu-xen-traditional\" out");
}
Result<> no_tpm(Context &, const std::string &, const std::string &) {
  return check_device("tpm-crb");
}
Result<> no_object(Context &, const std::string &, const std::string &) {
  return fail("linstub-dm does not serve it (libxl uses it for COLO only): take it out");
}

enum class Takes { nothing, value };
struct Option {
  std::string_view name;
  Takes takes{};
  Result<> (*handle)(Context &context, const std::string &option, const std::string &value);
};

constexpr std::array options{
    // What libxl always gives
    Option{"-xen-domid", Takes::value, set_domid},
    Option{"-name", Takes::value, set_name},
    Option{"-chardev", Takes::value, add_chardev},
    Option{"-mon", Takes::value, check_monitor},
    Option{"-machine", Takes::value, check_machine},
    Option{"-M", Takes::value, check_machine},
    Option{"-m", Takes::value, pass},
    Option{"-smp", Takes::value, pass},
    Option{"-no-shutdown", Takes::nothing, pass_flag},
    Option{"-nodefaults", Takes::nothing, pass_flag},
    Option{"-no-user-config", Takes::nothing, pass_flag},
    Option{"-S", Takes::nothing, start_paused},
    Option{"-incoming", Takes::value, set_incoming},
    // Devices
    Option{"-device", Takes::value, add_device},
    Option{"-drive", Takes::value, add_drive},
    Option{"-netdev", Takes::value, add_netdev},
    Option{"-net", Takes::value, check_net},
    Option{"-nic", Takes::value, check_net},
    Option{"-serial", Takes::value, add_serial},
    Option{"-usb", Takes::nothing, pass_flag},
    Option{"-usbdevice", Takes::value, add_usb_device},
    // Boot
    Option{"-boot", Takes::value, pass},
    Option{"-kernel", Takes::value, copy_file},
    Option{"-initrd", Takes::value, copy_file},
    Option{"-append", Takes::value, pass},
    Option{"-no-acpi", Takes::nothing, without_acpi},
    // Display
    Option{"-vnc", Takes::value, set_vnc},
    Option{"-display", Takes::value, set_display},
    Option{"-k", Takes::value, pass},
    Option{"-vga", Takes::value, pass},
    Option{"-nographic", Takes::nothing, drop}, // -display none and -vnc none say it already
    Option{"-sdl", Takes::nothing, no_display},
    Option{"-gtk", Takes::nothing, no_display},
    Option{"-spice", Takes::value, no_display},
    // Confinement of a QEMU in dom0: here it is in a domain of its own
    Option{"-xen-domid-restrict", Takes::nothing, drop},
    Option{"-run-with", Takes::value, drop},
    Option{"-runas", Takes::value, drop},
    Option{"-chroot", Takes::value, drop},
    Option{"-sandbox", Takes::value, drop},
    Option{"-pidfile", Takes::value, drop},
    Option{"-daemonize", Takes::nothing, drop},
    // What people add with device_model_args_hvm
    Option{"-linstub", Takes::value, set_linstub},
    Option{"-global", Takes::value, pass},
    Option{"-trace", Takes::value, pass},
    Option{"-d", Takes::value, pass},
    Option{"-D", Takes::value, drop}, // QEMU's log comes to linstub-dm's
    Option{"-msg", Takes::value, pass},
    Option{"-uuid", Takes::value, pass},
    Option{"-rtc", Takes::value, pass},
    Option{"-cpu", Takes::value, pass},
    Option{"-accel", Takes::value, pass},
    Option{"-no-reboot", Takes::nothing, pass_flag},
    Option{"-smbios", Takes::value, pass},
    // What cannot be served
    Option{"-xen-attach", Takes::nothing, no_pv},
    Option{"-domain-name", Takes::value, no_traditional},
    Option{"-object", Takes::value, no_object},
    Option{"-tpmdev", Takes::value, no_tpm},
    Option{"-monitor", Takes::value, no_monitor},
    Option{"-qmp", Takes::value, no_monitor},
    Option{"-qmp-pretty", Takes::value, no_monitor},
    Option{"-parallel", Takes::value, no_monitor},
    Option{"-bios", Takes::value, no_files},
    Option{"-L", Takes::value, no_files},
    Option{"-cdrom", Takes::value, no_files},
    Option{"-hda", Takes::value, no_files},
    Option{"-hdb", Takes::value, no_files},
    Option{"-hdc", Takes::value, no_files},
    Option{"-hdd", Takes::value, no_files},
    Option{"-fda", Takes::value, no_files},
    Option{"-fdb", Takes::value, no_files},
    Option{"-blockdev", Takes::value, no_files},
    Option{"-readconfig", Takes::value, no_files},
    Option{"-acpitable", Takes::value, no_files},
};

// Files come after the disks: the guest's disks keep the names xvda, xvdb, ... in its own order.
Result<> name_files(Plan &plan) {
  size_t next = disks_of(plan).size();
  for (CopiedFile &file : plan.files)
    file.disk.vdev = TRY(xen::disk_name(next++));
  return {};
}

Result<> name_nics(Context &context) {
  for (Nic &nic : context.plan.nics) {
    auto found =
        std::ranges::find(context.nic_macs, nic.index, &std::pair<uint8_t, std::string>::first);
    if (found == context.nic_macs.end())
      return fail("-netdev {}: no -device uses it", nic.interface);
    nic.mac = TRY(frontend_mac(found->second));
  }
  return {};
}

// A setting may come after -vnc.
void show_pixels(Plan &plan) {
  if (!plan.vnc || plan.settings.display != Display::pixels)
    return;
  for (QemuOption &option : plan.qemu) {
    if (option.name == "-vnc")
      option.value = vnc_for_pixels();
  }
}

} // namespace

Run run_kind(std::span<const std::string> arguments) {
  for (size_t i = 0; i < arguments.size(); i++) {
    const std::string &option = arguments[i];
    if (option == "-version" || option == "--version")
      return Run::version;
    if (option == "-help" || option == "--help" || option == "-h")
      return Run::help;
    if ((option == "-machine" || option == "-M") && i + 1 < arguments.size() &&
        wire::Options::parse(arguments[i + 1]).leader() == "none")
      return Run::probe;
  }
  return Run::device_model;
}

Result<Plan> translate(std::span<const std::string> arguments, const Settings &settings) {
  Context context{.plan = {.settings = settings}, .monitor_chardevs = {}, .nic_macs = {}};
  // QEMU's own monitor, which linstub-init connects to for a stream of the channel.
  TRY(pass(context, "-qmp", base::format("unix:{},server=on,wait=off", wire::qmp_socket)));
  for (size_t i = 0; i < arguments.size(); i++) {
    std::string name = arguments[i];
    if (name.starts_with("--")) // QEMU takes both
      name.erase(0, 1);
    const auto *option = std::ranges::find(options, name, &Option::name);
    if (option == options.end())
      return fail("linstub-dm does not know the device model option \"{}\": it can serve a guest "
                  "only with options that it knows",
                  arguments[i]);
    std::string value;
    if (option->takes == Takes::value) {
      if (++i == arguments.size())
        return fail("the device model option {} needs a value", name);
      value = arguments[i];
    }
    TRY(option->handle(context, name, value)
            .transform_error(
                base::doing("device model option {}{}{}", name, value.empty() ? "" : " ", value)));
  }
  if (!context.plan.guest)
    return fail("the option -xen-domid is missing: linstub-dm is started by libxl, by way of "
                "device_model_override in a guest's configuration");
  if (context.plan.name.empty())
    context.plan.name = base::format("guest-{}", *context.plan.guest);
  show_pixels(context.plan);
  TRY(name_files(context.plan));
  TRY(name_nics(context));
  protect_cd_drives(context.plan);
  connect_sound(context.plan);
  TRY(add_tpm(context.plan));
  return std::move(context.plan);
}

} // namespace linstub::plan
