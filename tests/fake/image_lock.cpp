// SPDX-License-Identifier: MIT
#include "fake/image_lock.hpp"

#include "disk/image_lock.hpp"

#include <poll.h>

namespace linstub::fake {

ImageLocks &image_locks() {
  static ImageLocks all;
  return all;
}

base::Fd ImageLocks::take(const std::string &path) {
  auto pipe = base::make_pipe().value();
  taken_.emplace_back(path, std::move(pipe.read));
  return std::move(pipe.write);
}

std::vector<std::string> ImageLocks::held() const {
  std::vector<std::string> paths;
  for (const auto &[path, end] : taken_) {
    pollfd other{.fd = end.get(), .events = POLLIN, .revents = 0};
    if (::poll(&other, 1, 0) == 0)
      paths.push_back(path);
  }
  return paths;
}

} // namespace linstub::fake

namespace linstub::disk {

base::Result<ImageLock> ImageLock::take(const std::string &path, DiskMode /*mode*/) {
  if (fake::image_locks().of_others.contains(path))
    return std::unexpected(base::Error(path + ": somebody has it", EBUSY));
  return ImageLock(fake::image_locks().take(path));
}

} // namespace linstub::disk
