// SPDX-License-Identifier: MIT
// XenbusState: the states of a PV device's two ends, in Xen's words: the node "state" in each one's
// directory of xenstore (xen/io/xenbus.h).
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"
#include "xen/xenstore.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace linstub::xen {

enum class XenbusState : uint8_t {
  unknown = 0, // in no node: there is none, or what stands there is no state
  initialising = 1,
  init_wait = 2, // the backend: for details of the frontend
  initialised = 3,
  connected = 4,
  closing = 5,
  closed = 6,
  reconfiguring = 7,
  reconfigured = 8,
};
constexpr XenbusState last_xenbus_state = XenbusState::reconfigured;

// As the node has it.
inline std::string text(XenbusState state) { return std::to_string(std::to_underlying(state)); }

// What stands in such a node; one of the two may be hostile.
inline XenbusState parse_xenbus_state(std::string_view text) {
  auto number = parse_number(text, std::to_underlying(last_xenbus_state));
  return static_cast<XenbusState>(number.value_or(0));
}

// What stands in that node now. Of one that is longer than a state can be no more is read.
base::Result<XenbusState> read_xenbus_state(Xenstore &xenstore, const std::string &node);

} // namespace linstub::xen
