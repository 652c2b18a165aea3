// SPDX-License-Identifier: MIT
// What can be done in xenstore.
#include "base/fd.hpp"
#include "base/format.hpp"
#include "tricks.hpp"
#include "wire/guest_call.hpp"
#include "wire/paths.hpp"
#include "xen/vbd.hpp"
#include "xen/xen_headers.hpp"
#include "xen/xenstored.hpp"

#include <xen/io/xs_wire.h>

#include <array>
#include <optional>

namespace linstub::adversary {
namespace {

using base::Milliseconds;

constexpr int most_nodes = 4000; // more than xenstored's quota

// The beginning of a request; what follows it is its payload.
std::string request(uint32_t type, std::string_view payload) {
  xsd_sockmsg header{};
  header.type = type;
  header.len = static_cast<uint32_t>(payload.size());
  std::string text(reinterpret_cast<const char *>(&header), sizeof header);
  return text.append(payload);
}

} // namespace

// Nodes, and long values in them, until there may be no more; then the same again, for ever.
void fill_the_store(Adversary &adversary) {
  const std::string value(xen::longest_value - 1024, 'x');
  for (int round = 0;; round++) {
    int made = 0;
    int refused = 0;
    for (int i = 0; i < most_nodes; i++) {
      auto written = adversary.store.write(base::format("data/linstub/more/{}", i), value);
      (written ? made : refused)++;
      if (i % 64 == 0)
        adversary.serve_once(Milliseconds(0));
    }
    adversary.say(base::format("store: {} nodes made, {} refused", made, refused));
    [[maybe_unused]] auto gone = adversary.store.remove("data/linstub/more");
  }
}

// What dom0 is asked to do to the guest: what no QEMU asks, and more memory than any has. Then the
// same for ever.
void lie_in_calls(Adversary &adversary) {
  uint64_t serial = 0;
  const auto call = [&](std::string_view text) -> std::optional<int> {
    serial++;
    [[maybe_unused]] auto written =
        adversary.store.write(wire::call_node, base::format("{} {}", serial, text));
    for (int i = 0; i < 40; i++) {
      adversary.serve(Milliseconds(50));
      const auto answer = adversary.store.read_if_there(wire::answer_node, 64);
      const auto told = answer && *answer ? wire::decode_call_answer(**answer)
                                          : std::unexpected(base::Error("none"));
      if (told && told->serial == serial)
        return told->error;
    }
    return std::nullopt;
  };
  constexpr std::array lies{"populate 0 0",
                            "populate 0 1099511627776",
                            "populate 1099511627775 2",
                            "populate 18446744073709551615 18446744073709551615",
                            "populate 1048576 8193",
                            "s-state 5",
                            "s-state 18446744073709551615",
                            "populate -1 1",
                            "destroy 0"};
  int done = 0;
  int refused = 0; // the others are no calls, and get no answer
  for (const char *lie : lies) {
    const auto error = call(lie);
    done += error == 0 ? 1 : 0;
    refused += error.value_or(0) != 0 ? 1 : 0;
  }
  // All that a card may have, behind the guest's memory.
  constexpr uint64_t first = 0x40000;
  constexpr uint64_t piece = 1024;
  uint64_t pages = 0;
  while (call(base::format("populate {} {}", first + pages, piece)) == 0)
    pages += piece;
  adversary.say(base::format("calls: {} of {} lies done, {} refused, {} pages", done, lies.size(),
                             refused, pages));
  for (;;)
    call(lies[serial % lies.size()]);
}

// What dom0 watches changes without a pause.
void storm_of_words(Adversary &adversary) {
  const std::string state = base::format("device-model/{}/state", adversary.settings.target);
  xen::Xenstore::Nodes words;
  for (int i = 0; i < 50; i++) {
    words.emplace_back("data/linstub/state", i % 2 == 0 ? "running" : "qemu");
    words.emplace_back("data/linstub/disks", std::string(512, static_cast<char>('a' + i % 20)));
    words.emplace_back("data/linstub/pci", "0000:00:1f.0");
    words.emplace_back(state, i % 2 == 0 ? "running" : "gone");
  }
  for (int round = 0;; round++) {
    auto written = adversary.store.write_all(xen::domain_path(adversary.settings.self), words);
    if (round == 0)
      adversary.say(base::format("word storm: {}", written ? "begun" : written.error().message()));
    adversary.serve_once(Milliseconds(0));
  }
}

// Watches and transactions, as many as there may be; they are never ended.
void flood_watches(Adversary &adversary) {
  int watches = 0;
  for (; watches < most_nodes; watches++) {
    if (!adversary.store.watch("data", base::format("token {}", watches)))
      break;
    adversary.serve_once(Milliseconds(0));
  }
  int begun = 0;
  auto other = xen::connect_xenstored();
  for (; other && begun < 64; begun++) {
    if (!base::write_all(*other, request(XS_TRANSACTION_START, std::string_view("\0", 1))))
      break;
    std::array<char, 256> answer;
    if (::read(other->get(), answer.data(), answer.size()) <= 0)
      break;
  }
  adversary.say(base::format("watches: {}, transactions begun: {}", watches, begun));
  for (;;) { // each change is an event for each watch
    [[maybe_unused]] auto written = adversary.store.write("data/linstub/x", "y");
    while (auto event = adversary.store.next_event()) {
      if (!*event)
        break;
    }
    adversary.serve_once(Milliseconds(0));
  }
}

// Every kind of path that is not this domain's. Each must be refused.
void write_what_is_others(Adversary &adversary) {
  const auto self = xen::domain_path(adversary.settings.self);
  const auto guest = xen::domain_path(adversary.settings.target);
  const std::array paths{
      std::string("/x"),
      std::string("/tool/x"),
      std::string("/vm/x"),
      std::string("/libxl/x"),
      base::format("/libxl/{}/x", adversary.settings.self),
      base::format("/libxl/{}/device/vbd/51712/params", adversary.settings.self),
      base::format("/libxl/{}/dm-version", adversary.settings.target),
      std::string("/local/domain/x"),
      std::string("/local/domain/0/x"),
      std::string("/local/domain/0/name"),
      std::string("/local/domain/0/data/x"),
      base::format("/local/domain/0/device-model/{}/state", adversary.settings.target),
      base::format("/local/domain/0/backend/vbd/{}/51712/params", adversary.settings.self),
      base::format("/local/domain/0/backend/vbd/{}/51712/state", adversary.settings.self),
      base::format("/local/domain/0/backend/vif/{}/0/script", adversary.settings.self),
      base::format("/local/domain/0/backend/console/{}/0/output", adversary.settings.self),
      self + "/x",
      self + "/name",
      self + "/domid",
      self + "/target",
      self + "/vm",
      self + "/linstub/guest",
      self + "/linstub/files/0/path",
      self + "/memory/target",
      self + "/console/tty",
      self + "/console/limit",
      guest + "/name",
      guest + "/x",
      guest + "/memory/target",
      guest + "/image/device-model-pid",
      std::string("@releaseDomain"),
  };
  int refused = 0;
  std::string allowed;
  auto count = [&](const std::string &what, bool done) {
    done ? static_cast<void>(allowed.append(allowed.empty() ? "" : ", ").append(what))
         : static_cast<void>(refused++);
  };
  for (const std::string &path : paths) {
    count("write " + path, adversary.store.write(path, "hostile").has_value());
    count("permit " + path,
          adversary.store
              .set_permissions(path, std::array{xen::Permission{.domid = adversary.settings.self,
                                                                .access = xen::Access::both}})
              .has_value());
  }
  for (const std::string &path :
       {std::string("/local/domain/0"), guest, base::format("/libxl/{}", adversary.settings.self),
        base::format("/local/domain/0/backend/vbd/{}", adversary.settings.self)})
    count("remove " + path, adversary.store.remove(path).has_value());
  count("set a target", adversary.store.set_target(adversary.settings.self, xen::dom0).has_value());
  count("resume dom0", adversary.store.resumed(xen::dom0).has_value());
  adversary.say(base::format("store: {} tried, {} refused, allowed: {}", 2 * paths.size() + 4 + 2,
                             refused, allowed.empty() ? "none" : allowed));
}

} // namespace linstub::adversary
