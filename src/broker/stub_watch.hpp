// SPDX-License-Identifier: MIT
// StubWatch: what a stub domain says in xenstore, and whether it still lives.
//
// All that it reads from the stub domain is hostile: bounded, and compared with known words.
#pragma once

#include "broker/host.hpp"
#include "xen/control.hpp"
#include "xen/xenstore.hpp"

#include <array>
#include <functional>
#include <optional>
#include <string>

namespace linstub::broker {

// Whether the stub domain says that it has a disk of that name, for QEMU to use. It may say
// anything.
base::Result<bool> has_disk(xen::Xenstore &xenstore, xen::DomId stub, const std::string &vdev);

// A disk that lacks something which the guest has written, by what the stub domain says: it takes
// no more there (stub/disk_errors.hpp).
base::Result<std::optional<std::string>> damaged_disk(xen::Xenstore &xenstore, xen::DomId stub);

class StubWatch {
public:
  // The tokens of the watches that follow() sets: the first asks for look(), the second for
  // look_whether_it_lives().
  static constexpr const char *words_token = "stub";
  static constexpr const char *life_token = "domains";

  struct Owner {
    std::function<void(StubWord word)> said; // another one than before
    std::function<void(const std::string &why)> failed;
    std::function<void()> qemu_runs;
    std::function<void()> serves_channel;
    std::function<void(const std::string &why)> gone;
  };

  // All must outlive it.
  StubWatch(xen::Xenstore &xenstore, xen::Control &control, xen::DomId guest, Owner owner)
      : xenstore_(xenstore), control_(control), guest_(guest), owner_(std::move(owner)) {}

  // There is a stub domain, and it runs: watches what it says and whether it lives.
  base::Result<> follow(xen::DomId stub);

  // The stub domain that `other` has followed, which it does no more: what has been told by it is
  // not told again.
  void continue_as(StubWatch &other);

  // Looks at what it says: tells said, failed, qemu_runs (once) and serves_channel (once).
  void look();

  // Tells gone.
  base::Result<> look_whether_it_lives();

  // It is going: nothing that comes from it counts any more.
  void forget();

private:
  struct Watched {
    std::string path;
    const char *token;
  };
  [[nodiscard]] static std::array<Watched, 3> watched(xen::DomId stub, xen::DomId guest);
  void look_at_word(const std::string &home);
  void look_at_channel(const std::string &home);

  xen::Xenstore &xenstore_;
  xen::Control &control_;
  xen::DomId guest_;
  Owner owner_;
  std::optional<xen::DomId> stub_;
  std::optional<StubWord> word_;
  bool qemu_runs_ = false;      // QEMU has said so
  bool serves_channel_ = false; // both of its nodes are there
};

} // namespace linstub::broker
