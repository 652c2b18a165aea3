// SPDX-License-Identifier: MIT
#include "disk/file_users.hpp"

#include "base/log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <vector>

namespace linstub::disk {
namespace {

namespace fs = std::filesystem;

constexpr size_t longest_command = size_t{64} << 10;
constexpr size_t most_named = 3;
constexpr size_t longest_name = 64;

bool is_same(const struct stat &one, const struct stat &other) {
  return S_ISBLK(one.st_mode) ? S_ISBLK(other.st_mode) && one.st_rdev == other.st_rdev
                              : one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool has_open(const fs::path &process, const struct stat &file) {
  std::error_code error;
  for (fs::directory_iterator at(process / "fd", error), end; !error && at != end;
       at.increment(error)) {
    struct stat status{};
    if (::stat(at->path().c_str(), &status) == 0 && is_same(file, status))
      return true;
  }
  return false;
}

// What comes behind "-name" in the arguments that libxl gives to device models.
std::string guest_of(const fs::path &process) {
  const std::string command =
      base::read_file((process / "cmdline").string(), longest_command).value_or("");
  constexpr std::string_view option("\0-name\0", 7);
  const size_t at = command.find(option);
  if (at == std::string::npos || !command.contains("-xen-domid"))
    return {};
  const std::string name = command.substr(at + option.size());
  return name.substr(0, name.find_first_of(std::string_view("\0,", 2)));
}

std::string name_of(const fs::path &process) {
  const std::string id = process.filename().string();
  if (const std::string guest = guest_of(process); !guest.empty())
    return base::format("guest {} (process {})", base::printable(guest, longest_name), id);
  std::string name = base::read_file((process / "comm").string(), 64).value_or("a program");
  if (name.ends_with('\n'))
    name.pop_back();
  return base::format("{} (process {})", base::printable(name, longest_name), id);
}

} // namespace

std::string users_of(const base::Fd &file) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0)
    return "somebody";
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    int id = 0;
    const std::string name = at->path().filename().string();
    const auto [rest, wrong] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (wrong != std::errc() || *rest != '\0' || id == ::getpid() || names.size() == most_named)
      continue;
    if (has_open(at->path(), status))
      names.push_back(name_of(at->path()));
  }
  return names.empty() ? "somebody" : base::join(names, " or ");
}

} // namespace linstub::disk
