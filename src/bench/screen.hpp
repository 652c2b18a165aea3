// SPDX-License-Identifier: MIT
// What a guest's screen costs, with a viewer of it (VNC).
#pragma once

#include "bench/contender.hpp"
#include "bench/look.hpp"
#include "bench/work.hpp"
#include "lab/guest_run.hpp"
#include "lab/host.hpp"

namespace linstub::bench {

// Of a guest at its prompt, whose first console is a screen of text. It is as before but for that
// console, on which what was there is cleared. The viewer runs on this machine.
base::Result<Values> measure_screen(const lab::Host &host, const Contender &contender,
                                    lab::GuestRun &guest, Thoroughness thoroughness);

} // namespace linstub::bench
