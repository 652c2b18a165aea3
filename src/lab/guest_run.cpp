// SPDX-License-Identifier: MIT
#include "lab/guest_run.hpp"

#include "wire/kernel_options.hpp"

#include <algorithm>

namespace linstub::lab {

using base::Deadline;
using base::Milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto short_limit = seconds(60);
constexpr auto longest_look = seconds(20); // of one command that waits in dom0

constexpr const char *linstub_lines =
    "device_model_override = \"/usr/libexec/linstub/linstub-dm\"\n";
// The version has to be said, or libxl takes the stub domain for MiniOS's. QEMU 10 in dom0, which
// serves the consoles in this mode, leaves a console alone that has neither an output nor a serial
// port of its own number, and the stub domain's kernel would wait minutes for it. That QEMU is also
// slow: without "quiet" the kernel's messages have kept the lab's stub domain from starting within
// the 30 s that libxl allows.
constexpr const char *libxl_stub_lines =
    "device_model_version = \"qemu-xen\"\n"
    "device_model_stubdomain_override = 1\n"
    "device_model_args_pv = [ \"-serial\", \"null\", \"-serial\", \"null\", \"-serial\", \"null\" "
    "]\n"
    "stubdomain_kernel = \"/usr/lib/linstub/image/kernel\"\n"
    "stubdomain_ramdisk = \"/usr/lib/linstub/image/ramdisk\"\n"
    "stubdomain_memory = 96\n";

// Its QEMU has a BIOS of its own, in the hvmloader that it comes with.
std::string minios_lines() {
  return base::format("device_model_version = \"qemu-xen-traditional\"\n"
                      "device_model_stubdomain_override = 1\n"
                      "stubdomain_kernel = \"{}/ioemu-stubdom.gz\"\n"
                      "firmware_override = \"{}/hvmloader\"\n",
                      minios_directory, minios_directory);
}

// Shell: sets $tty to the terminal in dom0 of a guest's serial port. In libxl's own stub domain
// mode that is console 3 of the stub domain.
std::string find_terminal(const std::string &name) {
  return base::format(
      "tty=$(xenstore-read /local/domain/$(xl domid {})/serial/0/tty 2>/dev/null || "
      "xenstore-read /local/domain/$(xl domid {}-dm)/device/console/3/tty)",
      quote(name), quote(name));
}

} // namespace

const char *device_model_name(DeviceModel device_model) {
  switch (device_model) {
  case DeviceModel::linstub:
    return "stub domain (linstub-dm)";
  case DeviceModel::libxl_stub:
    return "stub domain (libxl's mode)";
  case DeviceModel::minios:
    return "stub domain (MiniOS)";
  case DeviceModel::dom0:
    break;
  }
  return "QEMU in dom0";
}

std::vector<std::string> pv_guest_lines(std::string_view options) {
  return {"memory = 192", "vif = [ ]", "kernel = \"/lab/pv.kernel\"",
          "ramdisk = \"/lab/pv.initrd\"",
          base::format("cmdline = \"console=ttyS0 quiet loglevel=1 {}\"", options)};
}

std::string xl_config(const GuestConfig &config) {
  std::string text = base::format("type = \"hvm\"\nname = \"{}\"\nmemory = {}\nvcpus = 1\n",
                                  config.name, config.memory);
  switch (config.device_model) {
  case DeviceModel::linstub:
    text += linstub_lines;
    break;
  case DeviceModel::libxl_stub:
    text += libxl_stub_lines;
    text += base::format("stubdomain_cmdline = \"quiet {} {}\"\n", wire::kernel_options,
                         wire::any_hypercall_option);
    break;
  case DeviceModel::minios:
    text += minios_lines();
    break;
  case DeviceModel::dom0:
    break;
  }
  std::string disks;
  if (!config.disk.empty())
    disks =
        base::format("\"format=raw,vdev=hda,access=rw,backendtype=phy,target={}\", ", config.disk);
  if (!config.cdrom.empty())
    disks +=
        base::format("\"format=raw,vdev=hdc,devtype=cdrom,access=ro,target={}\", ", config.cdrom);
  text += base::format("disk = [ {}]\nboot = \"{}\"\n", disks, config.cdrom.empty() ? "c" : "d");
  text +=
      base::format("vif = [ \"bridge={},model=e1000,mac=00:16:3e:6c:00:01\" ]\n", config.bridge);
  if (config.direct_boot)
    text += base::format("kernel = \"/lab/tiny.kernel\"\nramdisk = \"/lab/tiny.initrd\"\n"
                         "cmdline = \"console=ttyS0 quiet {}\"\n",
                         config.options);
  text += "serial = \"pty\"\nvga = \"stdvga\"\nvideoram = 16\nvnc = 1\n"
          "vnclisten = \"127.0.0.1\"\nusb = 0\nacpi = 1\nhpet = 1\n"
          "on_poweroff = \"destroy\"\non_reboot = \"restart\"\non_crash = \"destroy\"\n";
  for (const std::string &line : config.extra)
    text.append(line).push_back('\n');
  return text;
}

base::Result<GuestRun> GuestRun::create(const Host &host, const GuestConfig &config,
                                        Milliseconds limit) {
  GuestRun guest(host, config.name);
  std::string file = base::format("/run/lab-{}.cfg", config.name);
  TRY(host.check(base::format("cat > {} && rm -f {}", quote(file), quote(guest.serial_log())),
                 short_limit, xl_config(config)));
  const std::string create =
      base::format(": > {}; xl create {} 2>&1; status=$?; : > {}; exit $status",
                   quote(guest.begin_mark()), quote(file), quote(guest.end_mark()));
  auto created = TRY(host.run(create, limit));
  // libxl gives a hotplug script 10 s, which an emulated host that is busy does not always keep.
  if (created.out.contains("async_exec_timeout: killing execution"))
    created = TRY(host.run(create, limit));
  if (!created.status.success())
    return base::fail("xl create {}: {} The device model's log ends with: {}", config.name,
                      created.out, guest.log());
  TRY(guest.follow());
  return guest;
}

base::Result<GuestRun> GuestRun::meet(const Host &host, const std::string &name) {
  GuestRun guest(host, name);
  TRY(host.check(base::format("rm -f {}", quote(guest.serial_log())), short_limit));
  TRY(guest.follow());
  return guest;
}

base::Result<> GuestRun::follow() {
  // The reader ends with the terminal, that is with the guest's device model.
  TRY(host_.check(base::format("{} && stty -F $tty raw -echo && "
                               "(setsid cat $tty >> {} 2>/dev/null </dev/null &)",
                               find_terminal(name_), quote(serial_log())),
                  short_limit));
  return {};
}

base::Result<std::string> GuestRun::domid() const {
  const std::string text = TRY(host_.check(base::format("xl domid {}", quote(name_)), short_limit));
  return std::string(base::without_end_of_line(text));
}

base::Result<std::string> GuestRun::said() const {
  return host_.check(base::format("cat {} 2>/dev/null || true", quote(serial_log())), short_limit);
}

// Waits in dom0, because each ssh command takes a good part of a second from a host whose only CPU
// the guest needs too; and by tail(1), which sleeps until there is more. What comes is a line; it
// has a moment to become whole.
base::Result<std::string> GuestRun::said_beyond(size_t size, Milliseconds limit) const {
  const auto time = std::chrono::ceil<seconds>(std::min<Milliseconds>(limit, longest_look)).count();
  return host_.check(base::format("f={}; timeout {} sh -c 'tail -c +{} -F \"$0\" 2>/dev/null | "
                                  "head -c 1 >/dev/null' \"$f\"; sleep 0.2; cat $f 2>/dev/null || "
                                  "true",
                                  quote(serial_log()), std::max<long>(1, time), size + 1),
                     longest_look + short_limit);
}

std::string GuestRun::log() const {
  auto text = host_.run(base::format("tail -n 8 /var/log/xen/qemu-dm-{}.log", name_), short_limit);
  return text ? text->out : text.error().message();
}

base::Result<std::string> GuestRun::wait_for(std::string_view prefix, Milliseconds limit) {
  Deadline deadline = Deadline::after(limit);
  for (std::string text;;) {
    text = TRY(said_beyond(text.size(), deadline.left()));
    for (size_t at = seen_; at < text.size();) {
      size_t end = text.find('\n', at);
      if (end == std::string::npos)
        break;
      std::string line = text.substr(at, end - at);
      while (line.ends_with('\r'))
        line.pop_back();
      at = end + 1;
      if (line.starts_with(prefix)) {
        seen_ = at;
        return line;
      }
      if (prefix == "+ " && line.starts_with("- ")) {
        seen_ = at;
        return base::fail("guest {}: {}", name_, line.substr(2));
      }
    }
    if (deadline.passed())
      return base::fail("guest {} has not said \"{}\" in time; it has said: {}", name_, prefix,
                        text.substr(std::min(seen_, text.size())));
  }
}

base::Result<> GuestRun::tell(const std::string &command) const {
  TRY(host_.check(
      base::format("{} && printf '%s\\n' {} > $tty", find_terminal(name_), quote(command)),
      short_limit));
  return {};
}

base::Result<std::string> GuestRun::ask(const std::string &command, Milliseconds limit) {
  seen_ = TRY(said()).size();
  TRY(tell(command));
  return wait_for("+ ", limit);
}

} // namespace linstub::lab
