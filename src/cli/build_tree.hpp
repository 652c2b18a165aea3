// SPDX-License-Identifier: MIT
// What `./dev` has made beside this program, for commands that only development has. Nothing that
// is not there is returned.
#pragma once

#include <filesystem>

namespace linstub::cli {

// The lab's scenarios, of the dev build.
std::filesystem::path built_scenarios();

// Linstub as it is installed (`./dev build`).
std::filesystem::path installed_tree();

} // namespace linstub::cli
