// What a VNC server shows, as a PNG file.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace linstub::lab {

struct Picture {
  int width = 0;
  int height = 0;
  double lit = 0; // the share of pixels that are not black: 0 is an empty screen
};

base::Result<Picture> take_screenshot(const std::string &host, uint16_t port,
                                      const std::filesystem::path &png, base::Deadline deadline);

} // namespace linstub::lab
