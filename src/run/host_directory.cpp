// SPDX-License-Identifier: MIT
// Alone in its file: a test that has a directory of its own does not link it.
#include "run/directory.hpp"

namespace linstub::run {

const char *directory() { return host_directory; }

} // namespace linstub::run
