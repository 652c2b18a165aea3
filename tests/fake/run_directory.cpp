// SPDX-License-Identifier: MIT
// run::directory() for unit tests: not /run/linstub but a place that each process of a test has for
// itself, so that tests need not be root and run beside each other. It goes with the process.
#include "run/directory.hpp"

#include <stdlib.h>

#include <cstdio>
#include <filesystem>

namespace linstub::run {
namespace {

struct OwnDirectory {
  OwnDirectory() : above(std::filesystem::temp_directory_path() / "linstub-test-XXXXXX") {
    if (::mkdtemp(above.data()) == nullptr) {
      std::perror("make a directory for the tests");
      std::abort();
    }
    path = above + "/linstub"; // for make_directory() to make
  }
  ~OwnDirectory() {
    std::error_code error;
    std::filesystem::remove_all(above, error);
  }

  std::string above;
  std::string path;
};

} // namespace

const char *directory() {
  static const OwnDirectory own;
  return own.path.c_str();
}

} // namespace linstub::run
