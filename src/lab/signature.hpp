// SPDX-License-Identifier: MIT
// Telling a failure of the emulator that the lab runs in from a failure of what is tested.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linstub::lab {

// Reads Xen's console log, from where the last look ended. Says which of the emulator's known
// failures it shows, nothing if none.
std::optional<std::string> emulator_failure(std::string_view console);

} // namespace linstub::lab
