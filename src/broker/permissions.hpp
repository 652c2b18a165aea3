// SPDX-License-Identifier: MIT
// Which request of the device model process is carried out when: a table.
#pragma once

#include "broker/message.hpp"

#include <cstdint>

namespace linstub::broker {

// How far the guest and its stub domain are.
enum class Stage : uint8_t {
  nothing, // there is no stub domain yet, or none any more
  making,
  there,
  going,
  left, // its removal has failed, and is to be tried again
};
constexpr std::array all_stages{Stage::nothing, Stage::making, Stage::there, Stage::going,
                                Stage::left};

struct Facts {
  Stage stage = Stage::nothing;
  bool has_run = false;   // the guest was served, ever
  bool upgrading = false; // somebody has asked for an upgrade and was not told the end
  bool resetting = false; // the same, for a reset
};

// An event may cross a request on its way, so what comes too late is ignored; what can never be
// right ends the device model process.
enum class Verdict : uint8_t { allow, refuse, violation };
Verdict permits(const Message &request, const Facts &facts);

} // namespace linstub::broker
