// SPDX-License-Identifier: MIT
#include "stub/line_reader.hpp"

#include <algorithm>

namespace linstub::stub {

void LineReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t newline = bytes.find('\n');
    size_t count = std::min({newline, bytes.size(), longest - partial_.size()});
    partial_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (partial_.size() == longest || bytes.starts_with('\n'))
      finish();
    if (bytes.starts_with('\n'))
      bytes.remove_prefix(1);
  }
}

void LineReader::finish() {
  if (!partial_.empty())
    line_(partial_);
  partial_.clear();
}

} // namespace linstub::stub
