// SPDX-License-Identifier: MIT
#include "cache/cache.hpp"

#include "base/fd.hpp"
#include "base/sha256.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace linstub::cache {
namespace fs = std::filesystem;

namespace {

constexpr size_t kept_of_a_kind = 3;

} // namespace

Key &Key::add(std::string_view name, std::string_view value) {
  inputs_ += base::format("{}:{}={}:{}\n", name.size(), name, value.size(), value);
  return *this;
}

base::Result<> Key::add_file(std::string_view name, const fs::path &path) {
  add(name, TRY(base::sha256_file(path)));
  return {};
}

base::Result<> Key::add_tree(std::string_view name, const fs::path &directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(directory, error);
       entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (error)
      break;
    if (entry->is_regular_file())
      files.push_back(entry->path());
  }
  if (error)
    return base::fail("list {}: {}", directory.string(), error.message());
  std::ranges::sort(files);
  for (const fs::path &file : files)
    TRY(add_file(base::format("{}/{}", name, fs::relative(file, directory).string()), file));
  return {};
}

std::string Key::text() const { return base::sha256(inputs_).substr(0, 16); }

base::Result<Cache> Cache::open() {
  if (const char *root = std::getenv("LINSTUB_CACHE"); root != nullptr && *root != '\0')
    return open(root);
  if (const char *root = std::getenv("XDG_CACHE_HOME"); root != nullptr && *root != '\0')
    return open(fs::path(root) / "linstub");
  const char *home = std::getenv("HOME");
  if (home == nullptr || *home == '\0')
    return base::fail("find the cache: none of LINSTUB_CACHE, XDG_CACHE_HOME and HOME is set");
  return open(fs::path(home) / ".cache" / "linstub");
}

base::Result<Cache> Cache::open(fs::path root) {
  std::error_code error;
  fs::create_directories(root, error);
  if (error)
    return base::fail("make the cache directory {}: {}", root.string(), error.message());
  return Cache(std::move(root));
}

fs::path Cache::find(std::string_view kind, const Key &key) const {
  fs::path path = root_ / base::format("{}-{}", kind, key.text());
  std::error_code error;
  return fs::is_directory(path, error) ? path : fs::path();
}

base::Result<fs::path> Cache::get(std::string_view kind, const Key &key, const Make &make) {
  fs::path path = root_ / base::format("{}-{}", kind, key.text());
  fs::path lock_path = path.string() + ".lock";
  base::Fd lock = TRY(base::open_file(lock_path, O_RDWR | O_CREAT, 0644));
  // Whoever holds it works under deadlines of its own, so this wait ends too.
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR)
      return base::fail_errno(errno, "lock {}", lock_path.string());
  }
  std::error_code error;
  if (fs::is_directory(path, error)) {
    fs::last_write_time(path, fs::file_time_type::clock::now(), error); // it is in use: keep it
    return path;
  }
  fs::path temporary = path.string() + ".new";
  fs::remove_all(temporary, error);
  if (!fs::create_directories(temporary, error))
    return base::fail("make {}: {}", temporary.string(), error.message());
  auto made = make(temporary);
  if (!made) {
    fs::remove_all(temporary, error);
    return std::unexpected(std::move(made).error());
  }
  fs::rename(temporary, path, error);
  if (error)
    return base::fail("rename {} to {}: {}", temporary.string(), path.string(), error.message());
  remove_old(kind, path);
  return path;
}

void Cache::remove_old(std::string_view kind, const fs::path &keep) const {
  std::vector<std::pair<fs::file_time_type, fs::path>> entries;
  std::error_code error;
  const std::string prefix = base::format("{}-", kind);
  constexpr size_t key_length = 16;
  for (const auto &entry : fs::directory_iterator(root_, error)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.size() == prefix.size() + key_length &&
        entry.is_directory(error) && entry.path() != keep)
      entries.emplace_back(entry.last_write_time(error), entry.path());
  }
  std::ranges::sort(entries, std::greater<>{});
  // Their locks stay: somebody may be waiting for one.
  for (size_t i = kept_of_a_kind - 1; i < entries.size(); i++)
    fs::remove_all(entries[i].second, error);
}

} // namespace linstub::cache
