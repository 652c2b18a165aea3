// SPDX-License-Identifier: MIT
// The node that libxl knows of a backend which was moved into a stub domain: what it says follows
// the node there, and what libxl asks of it is carried over. A pure function: from how both are to
// what is to be done.
//
// From a stub domain comes one of nine states, and what follows from it for dom0 is one of them
// again, in a node of dom0's: no other value crosses. What libxl does at a state is take away the
// device that says so.
#pragma once

#include "xen/xenbus.hpp"

#include <cstdint>
#include <optional>

namespace linstub::broker {

struct Mirror {
  enum class Phase : uint8_t {
    unserved, // it was not moved: libxl's node stays as it is
    serving,
    closing, // libxl wants the device to go, and the stub domain knows
    closed,  // it has gone there; libxl has been told
  };
  Phase phase = Phase::unserved;
  xen::XenbusState told = xen::XenbusState::initialising; // in libxl's node

  bool operator==(const Mirror &) const = default;
};

// Both nodes, as they are.
struct BackendPair {
  struct Libxl {
    xen::XenbusState state = xen::XenbusState::unknown;
    bool online = true;

    bool operator==(const Libxl &) const = default;
  };
  struct Stub {
    xen::XenbusState state = xen::XenbusState::unknown;
    bool opened = false; // linstub-init has said that QEMU may serve it
  };
  std::optional<Libxl> libxl; // none: libxl has removed it
  std::optional<Stub> stub;   // none: QEMU has, or nobody serves it
};

struct MirrorStep {
  Mirror mirror;
  bool close = false;                   // the stub domain is asked to close it
  bool take_away = false;               // its node there is removed: nobody serves it yet
  std::optional<xen::XenbusState> tell; // to be written to libxl's node
  bool gone = false;                    // libxl is through with it
};

MirrorStep step(Mirror mirror, const BackendPair &pair);

} // namespace linstub::broker
