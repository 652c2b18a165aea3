// SPDX-License-Identifier: MIT
// A viewer's own process: libvncserver with one client, which may be as slow, as silent or as
// hostile as it likes, and the screen, which this process can read. What it may do beyond that is
// in confinement.hpp.
#pragma once

#include "base/fd.hpp"
#include "display/screen.hpp"

#include <optional>
#include <string>

namespace linstub::display {

struct Viewer {
  Screen &screen;
  base::Fd client;                     // a TCP connection
  base::Fd changed;                    // an eventfd: the screen has changed
  base::Fd input;                      // where packets of Input go
  std::string name;                    // of the desktop
  bool authenticated = false;          // whether a viewer has to know the password
  std::optional<std::string> password; // none: nobody does
};

// Has libvncserver and what it uses do once what they do once, and could not in a process that is
// confined.
void warm_up();

// Serves the client to its end.
void serve_viewer(Viewer viewer);

} // namespace linstub::display
