// SPDX-License-Identifier: MIT
// The commands of `linstub`, in the order that --help shows them.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <string>

namespace linstub::cli {

// "2 spare stub domains are ready"; empty if there is none.
std::string ready_spares();

using AddCommand = void (*)(CLI::App &program);

void add_status_command(CLI::App &program);
void add_upgrade_command(CLI::App &program);
void add_pci_command(CLI::App &program);
void add_spares_command(CLI::App &program);
void add_disk_size_command(CLI::App &program);
void add_image_command(CLI::App &program);
#if LINSTUB_LAB // in linstub-lab only
void add_lab_command(CLI::App &program);
void add_demo_command(CLI::App &program);
void add_bench_command(CLI::App &program);
// Below lab:
void add_lab_test_command(CLI::App &lab);
void add_soak_command(CLI::App &lab);
#endif

inline constexpr auto commands = std::to_array<AddCommand>({
    add_status_command,
    add_upgrade_command,
    add_pci_command,
    add_spares_command,
    add_disk_size_command,
    add_image_command,
#if LINSTUB_LAB
    add_lab_command,
    add_demo_command,
    add_bench_command,
#endif
});

} // namespace linstub::cli
