// SPDX-License-Identifier: MIT
#include "fake/loop_device.hpp"

#include "base/fd.hpp"
#include "run/directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

namespace linstub::fake {

std::vector<Loop> &loops() {
  static std::vector<Loop> all;
  return all;
}

} // namespace linstub::fake

namespace linstub::disk {

base::Result<std::string> make_loop(const std::string &file, LoopAccess access) {
  static int made = 0;
  base::Fd backing = TRY(base::open_file(file, O_RDONLY));
  ::mkdir(run::directory(), 0755);
  std::string device = base::format("{}/loop{}", run::directory(), made++);
  TRY(base::open_file(device, O_WRONLY | O_CREAT));
  std::error_code error;
  auto opened =
      std::filesystem::read_symlink(base::format("/proc/self/fd/{}", backing.get()), error);
  fake::loops().push_back({.device = device,
                           .file = opened.string(),
                           .access = access,
                           .use = static_cast<uint64_t>(made)});
  return device;
}

base::Result<std::optional<uint64_t>> loop_use(const std::string &device) {
  for (const fake::Loop &loop : fake::loops()) {
    if (loop.device == device)
      return loop.use;
  }
  return std::nullopt;
}

base::Result<> remove_loop(const std::string &device) {
  if (std::erase_if(fake::loops(), [&](const auto &loop) { return loop.device == device; }) == 0)
    return base::fail("detach {}: there is no such loop device", device);
  return {};
}

} // namespace linstub::disk
