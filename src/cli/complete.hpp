// SPDX-License-Identifier: MIT
// What may come next on a command line of `linstub`, read off the commands and options themselves.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <vector>

namespace linstub::cli {

// `words` are those after the program's name; the last one is being typed and may be empty. Returns
// what it could become, sorted; nothing where a value or a file is expected.
std::vector<std::string> completions(const CLI::App &program, std::span<const std::string> words);

} // namespace linstub::cli
