// SPDX-License-Identifier: MIT
#include "stub/disk_errors.hpp"

#include "base/fd.hpp"
#include "base/format.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>

namespace linstub::stub {
namespace {

constexpr size_t longest_name = 8;

// What stands between them, if both are there.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const size_t start = text.find(before);
  if (start == std::string_view::npos)
    return {};
  text.remove_prefix(start + before.size());
  const size_t end = text.find(after);
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

// "I/O error, dev xvdb, sector 10152 op 0x1:(WRITE) flags ..." (block/blk-mq.c,
// blk_print_req_error()).
std::string_view of_write(std::string_view message) {
  return message.contains(":(WRITE") ? between(message, "error, dev ", ", sector ")
                                     : std::string_view();
}

// "blkfront: xvdb: empty flush op failed" (drivers/block/xen-blkfront.c, blkif_interrupt()).
// Without "empty" the disk does not know flushes.
std::string_view of_flush(std::string_view message) {
  return message.contains(": empty flush op failed") ? between(message, "blkfront: ", ": ")
                                                     : std::string_view();
}

} // namespace

std::optional<std::string> disk_that_lost_data(std::string_view message) {
  for (const std::string_view name : {of_write(message), of_flush(message)}) {
    const bool plain = std::ranges::all_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
    if (!name.empty() && name.size() <= longest_name && plain)
      return std::string(name);
  }
  return std::nullopt;
}

base::Result<bool> forbid_writes(const std::string &disk) {
  const base::Fd device =
      TRY(base::open_file(base::format("/dev/{}", disk), O_RDONLY | O_NONBLOCK));
  int is_read_only = 0;
  if (::ioctl(device.get(), BLKROGET, &is_read_only) == 0 && is_read_only != 0)
    return false;
  const int read_only = 1;
  if (::ioctl(device.get(), BLKROSET, &read_only) != 0)
    return base::fail_errno(errno, "make disk {} read-only", disk);
  return true;
}

std::string list_of_disks(const std::vector<std::string> &disks,
                          const std::set<std::string> &lost) {
  std::vector<std::string> words;
  words.reserve(disks.size());
  for (const std::string &disk : disks)
    words.push_back(lost.contains(disk) ? disk + "!" : disk);
  return base::join(words, " ");
}

} // namespace linstub::stub
