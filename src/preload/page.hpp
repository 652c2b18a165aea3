// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace linstub::preload {

constexpr size_t page_size = 4096; // Xen's, on x86

} // namespace linstub::preload
