// SPDX-License-Identifier: MIT
// Measures one guest under one device model, from `xl create` to `xl destroy`: all metrics once.
#pragma once

#include "bench/contender.hpp"
#include "bench/sample.hpp"
#include "lab/host.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace linstub::bench {

// How often a guest does what is measured, in one go.
enum class Thoroughness : uint8_t {
  quick, // to see that all is measured
  full,
};

using Values = std::vector<std::pair<std::string_view, double>>; // by metric

// The tiny guest, booted directly, with an emulated IDE disk of its own to read and write. Nothing
// is left on the host, also after an error.
base::Result<Values> measure(const lab::Host &host, const Contender &contender,
                             Thoroughness thoroughness);

// What the host is: versions of Xen, Linux, QEMU and Linstub, CPUs and memory.
base::Result<Circumstances> describe(const lab::Host &host);

} // namespace linstub::bench
