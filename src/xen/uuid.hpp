// SPDX-License-Identifier: MIT
// Uuid: the name that Xen itself keeps of a domain (its "handle"): given when the domain is made,
// told for as long as there is anything of it, and out of its own reach, unlike nodes of xenstore.
#pragma once

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::xen {

using Uuid = std::array<uint8_t, 16>; // in the order in which it is written

// "67452301-ab89-…", in lower case.
std::string text(const Uuid &uuid);

// That form, strictly.
base::Result<Uuid> parse_uuid(std::string_view text);

// One that nobody has had: random, from the kernel.
base::Result<Uuid> new_uuid();

} // namespace linstub::xen
