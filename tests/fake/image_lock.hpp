// SPDX-License-Identifier: MIT
// The locks on disk images (disk/image_lock.hpp), for tests whose images are not there.
#pragma once

#include "base/fd.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace linstub::fake {

class ImageLocks {
public:
  std::set<std::string> of_others; // paths that somebody else has

  // Those that are locked now.
  [[nodiscard]] std::vector<std::string> held() const;

  // A new one, which is held as long as the descriptor is open.
  base::Fd take(const std::string &path);

private:
  std::vector<std::pair<std::string, base::Fd>> taken_; // the other ends
};
ImageLocks &image_locks();

} // namespace linstub::fake
