#include "fake/loop_device.hpp"

#include "disk/loop_device.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace linstub::fake {
namespace {

constexpr std::string_view prefix = "/fake-loop";

} // namespace

std::vector<std::string> &loops() {
  static std::vector<std::string> files;
  return files;
}

} // namespace linstub::fake

// In place of those of src/disk/loop_device.cpp.
namespace linstub::disk {

base::Result<std::string> make_loop(const std::string &file, LoopAccess) {
  fake::loops().push_back(file);
  return std::string(fake::prefix) + file;
}

base::Result<> remove_loop(const std::string &device) {
  auto found = std::ranges::find(fake::loops(), device.substr(fake::prefix.size()));
  if (found == fake::loops().end())
    return base::fail_errno(ENOENT, "open {}", device);
  fake::loops().erase(found);
  return {};
}

base::Result<BlockDevice> block_device_of(const std::string &image, LoopAccess access) {
  struct stat status{};
  if (::stat(image.c_str(), &status) != 0)
    return base::fail_errno(errno, "find the disk image {}", image);
  std::string path = TRY(make_loop(image, access));
  return BlockDevice{.path = std::move(path),
                     .number = makedev(7, static_cast<unsigned>(fake::loops().size())),
                     .loop = true};
}

std::string physical_device(dev_t device) {
  return base::format("0{:x}:{:x}", major(device), minor(device));
}

} // namespace linstub::disk
