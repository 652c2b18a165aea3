// SPDX-License-Identifier: MIT
#include "lab/screenshot.hpp"

#include "lab/viewer.hpp"

#include <png.h>

#include <array>
#include <set>
#include <vector>

namespace linstub::lab {

base::Result<Picture> write_png(const Viewer &viewer, const std::filesystem::path &png) {
  Picture picture{.width = viewer.width(), .height = viewer.height()};
  std::vector<png_byte> pixels;
  size_t lit = 0;
  std::set<std::array<png_byte, 3>> colours;
  const size_t count = static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
  pixels.reserve(count * 3);
  for (size_t i = 0; i < count; i++) {
    const auto colour = viewer.colour(i);
    lit += colour != std::array<png_byte, 3>{} ? 1 : 0;
    colours.insert(colour);
    pixels.insert(pixels.end(), colour.begin(), colour.end());
  }
  picture.colours = colours.size();
  picture.lit = static_cast<double>(lit) / static_cast<double>(count);

  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, png.c_str(), 0, pixels.data(), 0, nullptr) == 0)
    return base::fail("write {}: {}", png.string(), std::string(image.message));
  return picture;
}

base::Result<Picture> take_screenshot(const Host &host, const std::string &guest,
                                      const std::filesystem::path &png, base::Deadline deadline,
                                      const std::string &password) {
  auto take = [&]() -> base::Result<Picture> {
    auto viewer = TRY(Viewer::connect(host, guest, deadline, password));
    TRY(viewer->wait_for_picture(deadline));
    return write_png(*viewer, png);
  };
  return take().transform_error(base::doing("take a screenshot of guest {}", guest));
}

} // namespace linstub::lab
