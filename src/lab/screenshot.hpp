// SPDX-License-Identifier: MIT
// What a guest's VNC server shows, as a PNG file.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "lab/host.hpp"
#include "lab/viewer.hpp"

#include <filesystem>
#include <string>

namespace linstub::lab {

struct Picture {
  int width = 0;
  int height = 0;
  double lit = 0;     // the share of pixels that are not black: 0 is an empty screen
  size_t colours = 0; // different ones: a screen of text has no more than 16
};

// What a viewer shows.
base::Result<Picture> write_png(const Viewer &viewer, const std::filesystem::path &png);

// Of a guest of the host, through the port that xenstore names. An error, too, if the password is
// not the one that the guest's VNC server wants.
base::Result<Picture> take_screenshot(const Host &host, const std::string &guest,
                                      const std::filesystem::path &png, base::Deadline deadline,
                                      const std::string &password = {});

} // namespace linstub::lab
