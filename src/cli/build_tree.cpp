// SPDX-License-Identifier: MIT
#include "cli/build_tree.hpp"

namespace linstub::cli {
namespace fs = std::filesystem;

namespace {

// Where the builds are: this program is PRESET/src/cli/linstub-lab there.
fs::path builds() {
  std::error_code error;
  fs::path path = fs::read_symlink("/proc/self/exe", error);
  for (int up = 0; up < 4; up++)
    path = path.parent_path();
  return path;
}

fs::path if_there(fs::path path) {
  std::error_code error;
  return fs::exists(path, error) ? std::move(path) : fs::path();
}

} // namespace

fs::path built_scenarios() { return if_there(builds() / "dev/tests/lab/linstub-lab-tests"); }

fs::path installed_tree() { return if_there(builds() / "install"); }

} // namespace linstub::cli
