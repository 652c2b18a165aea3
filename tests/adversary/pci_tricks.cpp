// SPDX-License-Identifier: MIT
// What can be done with the PCI devices that dom0 attaches. pcifront itself is the kernel's, and
// does as it should; the nodes are written behind its back.
#include "base/format.hpp"
#include "tricks.hpp"
#include "wire/paths.hpp"
#include "xen/xenbus.hpp"

namespace linstub::adversary {
namespace {

using base::Milliseconds;

constexpr const char *frontend = "device/pci/0";

// The real address of the first device that dom0 has given; empty if there is none.
std::string given(Adversary &adversary) {
  auto backend = adversary.store.read_if_there(base::format("{}/backend", frontend));
  if (!backend || !*backend)
    return "";
  auto address = adversary.store.read_if_there(base::format("{}/dev-0", **backend));
  return address && *address ? **address : "";
}

void claim(Adversary &adversary, const std::string &devices) {
  [[maybe_unused]] auto written = adversary.store.write(wire::pci_node, devices);
}

} // namespace

// Says that it has the device before it has, and all others too; its frontend is in all states one
// after the other, and names pages and event channels that are not its own.
void pretend_to_have_devices(Adversary &adversary) {
  for (unsigned round = 0;; round++) {
    std::string all = given(adversary);
    for (int slot = 0; slot < 30; slot++)
      all += base::format(" 0000:00:{:02x}.0", slot);
    claim(adversary, all);
    for (const auto &[name, value] :
         {std::pair<const char *, std::string>{"pci-op-ref", std::to_string(round * 7919)},
          {"event-channel", std::to_string(round % 4096)},
          {"magic", "7"},
          {"state", std::to_string((round * 5 + 4) % 10)}}) [[maybe_unused]]
      auto written = adversary.store.write(base::format("{}/{}", frontend, name), value);
    adversary.serve(Milliseconds(50));
  }
}

// Takes it as it should, up to QEMU's device_add; then tells dom0 that it has let go of it, and
// does not.
void keep_devices(Adversary &adversary) {
  const auto connected = xen::text(xen::XenbusState::connected);
  std::string kept;
  for (;;) {
    adversary.serve(Milliseconds(20));
    const std::string now = given(adversary);
    if (!now.empty() && now != kept) {
      kept = now;
      claim(adversary, kept);
      adversary.say("keeps " + kept);
    }
    adversary.qemu().lists_pci = !now.empty();
    if (adversary.qemu().had_pci()) [[maybe_unused]]
      auto written = adversary.store.write(base::format("{}/state", frontend), connected);
  }
}

} // namespace linstub::adversary
