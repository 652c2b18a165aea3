// SPDX-License-Identifier: MIT
#include "libvirt_scenario.hpp"

namespace linstub::lab {

using std::chrono::seconds;

namespace {

constexpr auto virsh_limit = seconds(180);
constexpr auto boot_limit = seconds(300);
constexpr const char *events = "/run/lab-t-events";
constexpr const char *connection = "virsh -q -c xen:///system ";

} // namespace

std::string domain_xml(const LibvirtGuest &guest) {
  const char *kind = guest.stock ? "pv" : "tiny";
  return base::format(
      R"(<domain type='xen' xmlns:xen='http://libvirt.org/schemas/domain/xen/1.0'>
  <name>{}</name>
  <memory unit='MiB'>{}</memory>
  {}
  <os>
    <type arch='x86_64' machine='xenfv'>hvm</type>
    <kernel>/lab/{}.kernel</kernel>
    <initrd>/lab/{}.initrd</initrd>
    <cmdline>console=ttyS0 quiet loglevel=1 {}</cmdline>
  </os>
  <features><acpi/><apic/><pae/></features>
  <clock offset='utc'><timer name='hpet' present='yes'/></clock>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>{}</on_crash>
  <devices>
    <emulator>/usr/libexec/linstub/linstub-dm</emulator>
    <serial type='pty'/>
    <console type='pty'/>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
    <video><model type='vga' vram='16384'/></video>
    {}
  </devices>
  {}
</domain>
)",
      guest.name, guest.stock ? 192 : 128, guest.vcpus, kind, kind, guest.options, guest.on_crash,
      guest.devices, guest.commandline);
}

void LibvirtScenario::SetUp() {
  ONLY_WHEN_THOROUGH(); // else no lab of this shape is made
  Scenario::SetUp();
  dom0("dmesg --clear");
}

void LibvirtScenario::TearDown() {
  if (IsSkipped())
    return;
  if (HasFailure()) {
    auto said = host().run("dmesg | grep -i apparmor | tail; journalctl -q -n 15 --no-pager -u "
                           "libvirtd; tail -n 5 /var/log/libvirt/libxl/libxl-driver.log",
                           virsh_limit);
    if (said)
      std::printf("%s\n", said->out.c_str());
  }
  auto ended =
      host().run(base::format("pkill -x virsh; for d in $({} list --all --name | grep ^t-); "
                              "do {} destroy $d; {} undefine --managed-save $d; done",
                              connection, connection, connection),
                 virsh_limit);
  EXPECT_TRUE(ended) << why(ended);
  Scenario::TearDown();
}

std::string LibvirtScenario::virsh(const std::string &command) {
  const std::string said = succeeds(connection + command, virsh_limit);
  return std::string(base::without_end_of_line(said));
}

void LibvirtScenario::define(const LibvirtGuest &guest) {
  auto defined = host().check(base::format("cat > /run/lab-{}.xml && {} define /run/lab-{}.xml",
                                           guest.name, connection, guest.name),
                              virsh_limit, domain_xml(guest));
  ASSERT_TRUE(defined) << why(defined);
}

void LibvirtScenario::start(const LibvirtGuest &guest) {
  ASSERT_NO_FATAL_FAILURE(define(guest));
  auto started = host().run(base::format("{} start {} 2>&1", connection, guest.name), virsh_limit);
  ASSERT_TRUE(started) << why(started);
  ASSERT_TRUE(started->status.success()) << started->out;
}

GuestRun LibvirtScenario::ready(const std::string &name) {
  auto guest = GuestRun::meet(host(), name);
  if (!guest)
    throw std::runtime_error(guest.error().message());
  if (auto ready = guest->wait_for("+ ready", boot_limit); !ready)
    throw std::runtime_error(ready.error().message());
  return std::move(*guest);
}

void LibvirtScenario::listen() {
  dom0(base::format("(setsid {} event --all --loop >{} 2>&1 </dev/null &); sleep 2", connection,
                    events));
}

std::string LibvirtScenario::heard(const std::string &event, base::Milliseconds limit) {
  EXPECT_TRUE(holds_within(base::format("grep -q {} {}", quote(event), events), limit)) << event;
  return dom0(base::format("cat {}", events));
}

std::string LibvirtScenario::denied() { return dom0("dmesg | grep 'apparmor=\"DENIED\"' || true"); }

} // namespace linstub::lab
