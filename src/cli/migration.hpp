// SPDX-License-Identifier: MIT
// A migration of a guest from this host to itself: what has PV drivers connect to another stub
// domain, which they do not while their guest runs.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

#include <functional>
#include <string>

namespace linstub::cli {

// Has `xl migrate` do it, live: the guest gets a new domid, and a stub domain of the image that is
// installed. The host has the guest's memory twice meanwhile. `hear` is given what xl says, line by
// line. Waits for the end of it, an hour at most. After an error the guest runs on where it was, if
// the last words of xl, which the error quotes, do not say otherwise.
base::Result<> migrate_to_this_host(xen::DomId guest,
                                    const std::function<void(const std::string &line)> &hear);

} // namespace linstub::cli
