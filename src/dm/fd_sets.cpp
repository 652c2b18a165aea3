// SPDX-License-Identifier: MIT
#include "dm/fd_sets.hpp"

#include "xen/domid.hpp"

namespace linstub::dm {

base::Result<uint32_t> FdSets::add(base::Fd fd, std::string opaque) {
  // A client that never removes its own loses the oldest.
  if (sets_.size() >= most)
    sets_.erase(sets_.begin());
  sets_[next_] = {.fd = std::move(fd), .opaque = std::move(opaque)};
  return next_++;
}

base::Result<const FdSets::Entry *> FdSets::find(std::string_view path) const {
  constexpr std::string_view prefix = "/dev/fdset/";
  if (!path.starts_with(prefix))
    return base::fail("\"{}\" is not a descriptor that was passed with add-fd", path);
  uint64_t number = TRY(xen::parse_number(path.substr(prefix.size()), UINT32_MAX));
  auto found = sets_.find(number);
  if (found == sets_.end())
    return base::fail("there is no set of descriptors {}", number);
  return &found->second;
}

base::Result<> FdSets::remove(uint64_t number) {
  if (sets_.erase(number) == 0)
    return base::fail("File descriptor named 'fdset-id:{}' not found", number);
  return {};
}

} // namespace linstub::dm
