// SPDX-License-Identifier: MIT
#include "disk/loop_device.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "disk/hotplug_lock.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

namespace linstub::disk {
namespace {

// A script that hangs is no reason to have no disk.
constexpr base::Milliseconds lock_timeout{2'000};

} // namespace

base::Result<std::string> make_loop(const std::string &file, LoopAccess access) {
  int flags = access == LoopAccess::read_only ? O_RDONLY : O_RDWR;
  base::Fd backing = TRY(base::open_file(file, flags));
  base::Fd control = TRY(base::open_file("/dev/loop-control", O_RDWR));
  // Held until the device is ours, or there is none.
  auto lock = HotplugLock::take(hotplug_lock_directory, base::Deadline::after(lock_timeout));
  base::log_failure(lock, base::LogLevel::warning);
  constexpr int tries = 64; // somebody else may take the free one first
  for (int i = 0; i < tries; i++) {
    int free = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (free < 0)
      return base::fail_errno(errno, "find a free loop device");
    std::string path = base::format("/dev/loop{}", free);
    base::Fd device = TRY(base::open_file(path, flags));
    loop_config config{};
    config.fd = static_cast<uint32_t>(backing.get());
    config.info.lo_sizelimit = loop_mark;
    config.info.lo_flags = access == LoopAccess::read_only ? LO_FLAGS_READ_ONLY : 0;
    auto name = std::span(config.info.lo_file_name);
    file.copy(reinterpret_cast<char *>(name.data()), name.size() - 1);
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0)
      return path;
    if (errno != EBUSY)
      return base::fail_errno(errno, "make {} the loop device of {}", path, file);
  }
  return base::fail("find a free loop device: each one was taken by somebody else");
}

base::Result<std::optional<uint64_t>> loop_use(const std::string &device) {
  base::Fd fd = TRY(base::open_file(device, O_RDONLY));
  loop_info64 file{};
  uint64_t sequence = 0;
  if (::ioctl(fd.get(), LOOP_GET_STATUS64, &file) != 0) {
    if (errno == ENXIO)
      return std::nullopt;
    return base::fail_errno(errno, "look at {}", device);
  }
  if (::ioctl(fd.get(), BLKGETDISKSEQ, &sequence) != 0)
    return base::fail_errno(errno, "ask which disk {} is", device);
  return sequence;
}

base::Result<> remove_loop(const std::string &device) {
  base::Fd fd = TRY(base::open_file(device, O_RDONLY));
  if (::ioctl(fd.get(), LOOP_CLR_FD) != 0 && errno != ENXIO)
    return base::fail_errno(errno, "detach {}", device);
  return {};
}

} // namespace linstub::disk
