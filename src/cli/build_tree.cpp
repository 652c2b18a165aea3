// SPDX-License-Identifier: MIT
#include "cli/build_tree.hpp"

namespace linstub::cli {
namespace fs = std::filesystem;

namespace {

// This program is src/cli/linstub there.
fs::path build_directory() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().parent_path().parent_path();
}

fs::path if_there(fs::path path) {
  std::error_code error;
  return fs::exists(path, error) ? std::move(path) : fs::path();
}

} // namespace

fs::path built_scenarios() { return if_there(build_directory() / "tests/lab/linstub-lab-tests"); }

fs::path installed_tree() { return if_there(build_directory().parent_path() / "install"); }

} // namespace linstub::cli
