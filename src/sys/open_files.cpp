// SPDX-License-Identifier: MIT
#include "sys/open_files.hpp"

#include <dirent.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace linstub::sys {

base::Result<bool> has_open(pid_t pid, const std::string &path) {
  const std::string directory = base::format("/proc/{}/fd", pid);
  std::unique_ptr<DIR, int (*)(DIR *)> files(::opendir(directory.c_str()), ::closedir);
  if (!files)
    return base::fail_errno(errno, "open {}", directory);
  std::string target(path.size() + 1, '\0'); // room to see that another one is longer
  while (const dirent *entry = ::readdir(files.get())) {
    const ssize_t length =
        ::readlinkat(::dirfd(files.get()), entry->d_name, target.data(), target.size());
    if (length >= 0 && std::string_view(target).substr(0, static_cast<size_t>(length)) == path)
      return true;
  }
  return false;
}

base::Result<FileCloses> FileCloses::open() {
  base::Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd)
    return base::fail_errno(errno, "open an inotify descriptor");
  return FileCloses(std::move(fd));
}

base::Result<> FileCloses::watch(const std::string &path) {
  if (watched_.contains(path))
    return {};
  const int watch = ::inotify_add_watch(fd_.get(), path.c_str(), IN_CLOSE);
  if (watch < 0)
    return base::fail_errno(errno, "watch {}", path);
  watched_.emplace(path, watch);
  return {};
}

void FileCloses::unwatch(const std::string &path) {
  if (auto found = watched_.find(path); found != watched_.end()) {
    ::inotify_rm_watch(fd_.get(), found->second);
    watched_.erase(found);
  }
}

void FileCloses::drain() {
  alignas(inotify_event) std::array<char, 4096> events;
  while (::read(fd_.get(), events.data(), events.size()) > 0) {
  }
}

} // namespace linstub::sys
