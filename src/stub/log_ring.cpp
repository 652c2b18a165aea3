// SPDX-License-Identifier: MIT
#include "stub/log_ring.hpp"

#include "base/format.hpp"

#include <algorithm>

namespace linstub::stub {

void LogRing::add(std::string_view line) {
  line = line.substr(0, capacity_ - 1);
  // Room is made for a quarter of the ring at once, so that not every line moves the others.
  if (bytes_.size() + line.size() + 1 > capacity_) {
    size_t drop = std::max(line.size() + 1, capacity_ / 4);
    size_t whole = bytes_.find('\n', std::min(drop, bytes_.size()) - 1);
    bytes_.erase(0, whole == std::string::npos ? bytes_.size() : whole + 1);
  }
  bytes_.append(line).push_back('\n');
  end_ += line.size() + 1;
}

std::string LogRing::read(uint64_t &position, size_t most) const {
  uint64_t first = end_ - bytes_.size();
  std::string text;
  if (position < first) {
    text = base::format("linstub-init: {} bytes of log were lost\n", first - position);
    if (text.size() > most)
      return {};
    position = first;
  }
  size_t count = std::min<uint64_t>(most - text.size(), end_ - position);
  text.append(bytes_, position - first, count);
  position += count;
  return text;
}

std::string LogRing::tail(size_t most) const {
  std::string_view all = bytes_;
  if (all.ends_with('\n'))
    all.remove_suffix(1);
  if (all.size() > most) {
    all.remove_prefix(all.size() - most);
    size_t line = all.find('\n');
    all.remove_prefix(line == std::string_view::npos ? 0 : line + 1);
  }
  std::string text;
  for (char c : all) {
    if (c == '\n')
      text.append(" | ");
    else
      text.push_back(c);
  }
  return text.substr(0, most);
}

} // namespace linstub::stub
