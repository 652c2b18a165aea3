// SPDX-License-Identifier: MIT
// zstd, the way the stub domain's kernel can unpack it in little memory (libzstd).
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace linstub::image {

// One frame with a checksum, so that the kernel notices a damaged ramdisk. Depends on nothing but
// the input and libzstd's version: one thread, fixed parameters.
base::Result<std::string> compress(std::string_view data);

} // namespace linstub::image
