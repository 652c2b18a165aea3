// SPDX-License-Identifier: MIT
// What a save, a restore and the replacement of a device model cost a guest that runs.
#pragma once

#include "bench/contender.hpp"
#include "bench/look.hpp"
#include "lab/host.hpp"

#include <string>
#include <string_view>

namespace linstub::bench {

// Of a guest that answers pings at bench::guest_address. It runs on, as another domain.
base::Result<Values> measure_state(const lab::Host &host, const Contender &contender,
                                   const std::string &guest);

// For python3 in dom0, with a guest's domid as its argument: `body` has ask(), which gives its
// device model a QMP command as libxl would, with descriptors, and waits `limit` s for an answer.
std::string monitor_script(unsigned limit, std::string_view body);

// The longest time in s between two answers in what `ping -D` has printed; an error if there are
// less than two.
base::Result<double> longest_silence(std::string_view pings);

// The average in ms in the last line of `ping -q`, "rtt min/avg/max/mdev = ...", in s.
base::Result<double> average_ping(std::string_view said);

} // namespace linstub::bench
