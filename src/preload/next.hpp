// SPDX-License-Identifier: MIT
// What a function that stands before another one of its name needs.
#pragma once

#include <dlfcn.h>

#include <cstdlib>

// Nothing of the library is seen from outside but what has this.
#define LINSTUB_EXPORT extern "C" __attribute__((visibility("default")))

namespace linstub::preload {

// The function of that name that comes after ours. One that is missing ends QEMU: it could not have
// been started without it.
template <class Function>
Function *next(const char *name) {
  void *found = ::dlsym(RTLD_NEXT, name);
  if (found == nullptr)
    std::abort();
  return reinterpret_cast<Function *>(found);
}

} // namespace linstub::preload
