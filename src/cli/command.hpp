// SPDX-License-Identifier: MIT
// How a command of `linstub` is written: one file, one function that adds it to the program.
//
//     void add_status_command(CLI::App &program) {
//       auto *command = program.add_subcommand("status", "Show guests and their stub domains");
//       command->callback([] { finish(show_status()); });
//     }
#pragma once

#include "base/process.hpp"
#include "base/result.hpp"

#include <CLI/CLI.hpp>

namespace linstub::cli {

// Exit statuses, the same for every command. 2 is for a command line that is not understood.
constexpr int failed = 1;
constexpr int usage_failed = 2;
using base::infrastructure_failed;

// Ends a command: returns if all is well, else prints "linstub: <error>" and leaves with `status`.
void finish(const base::Result<> &result, int status = failed);

// Leaves with a status after everything has been said.
[[noreturn]] void leave(int status);

} // namespace linstub::cli
