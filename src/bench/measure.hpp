// SPDX-License-Identifier: MIT
// Measures one guest under one device model, from `xl create` to `xl destroy`: the metrics of some
// groups, each once.
#pragma once

#include "bench/contender.hpp"
#include "bench/look.hpp"
#include "bench/metric.hpp"
#include "bench/sample.hpp"
#include "bench/work.hpp"
#include "lab/host.hpp"

#include <string>

namespace linstub::bench {

// How the guest gets its kernel. In one run it is the same for all contenders.
enum class Boot : uint8_t {
  direct, // from dom0: quick; not every contender can
  cd,     // by BIOS and boot loader from an emulated CD-ROM drive: /lab/tiny.iso
};

struct Measure {
  Thoroughness thoroughness = Thoroughness::full;
  Boot boot = Boot::direct;
  Groups groups = all_groups();
  std::string bridge = "xenbr0"; // in dom0; it has work.hpp's dom0_address for the time
  std::string guest_cpu;         // the physical CPU that it is pinned to; empty: any
  std::string stub_cpu;          // the same of its stub domain, once that serves
};

// The image that a PV driver's disk is a copy of: an empty qcow2 of so many MiB. For the group `pv`
// the host has it, and the guest with PV drivers (lab/stage.hpp).
constexpr const char *pv_image = "/lab/bench-empty.qcow2";
constexpr unsigned pv_size = 8;

// How all of them can boot.
Boot boot_of(const std::vector<Contender> &contenders);

// Whether a contender has a metric, and it is wanted.
bool expects(const Contender &contender, const Metric &metric, const Groups &groups);

// The tiny guest, with an emulated disk of its own to read and write. Nothing is left on the host,
// also after an error. What is returned is what expects() says, or an error.
base::Result<Values> measure(const lab::Host &host, const Contender &contender,
                             const Measure &wanted);

// What the host is: versions of Xen, Linux, QEMU and Linstub, CPUs and memory.
base::Result<Circumstances> describe(const lab::Host &host);

} // namespace linstub::bench
