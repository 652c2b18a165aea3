// SPDX-License-Identifier: MIT
#include "base/result.hpp"

#include <string.h>

namespace linstub::base {

std::string errno_text(int code) {
  char buffer[128];
  return strerror_r(code, buffer, sizeof buffer);
}

} // namespace linstub::base
