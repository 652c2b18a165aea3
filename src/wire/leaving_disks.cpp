// SPDX-License-Identifier: MIT
#include "wire/leaving_disks.hpp"

#include "wire/words.hpp"

namespace linstub::wire {

std::string encode(const LeavingDisks &disks) {
  std::string text = std::to_string(disks.serial);
  for (const std::string &name : disks.names)
    text.append(" ").append(name);
  return text;
}

base::Result<LeavingDisks> decode_leaving_disks(std::string_view text) {
  if (text.size() > longest_leaving)
    return base::fail("a list of disks is longer than {} bytes", longest_leaving);
  std::string_view rest = text;
  LeavingDisks disks{.serial = TRY(take_number(rest)), .names = {}};
  while (!rest.empty()) {
    disks.names.emplace_back(take_word(rest));
    if (disks.names.back().empty())
      return base::fail("a list of disks has one without a name");
  }
  return exactly(std::move(disks), text);
}

} // namespace linstub::wire
