// SPDX-License-Identifier: MIT
// linstub: the command for people. Each command is a file of its own; this one lists them.
#include "base/log.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/complete.hpp"

#include <cstdio>

int main(int argc, char **argv) {
  using namespace linstub;
  base::set_log("linstub", base::LogLevel::info);

  CLI::App program("Linux stub domains for Xen: the QEMU of each guest in a domain of its own.",
                   "linstub");
  program.set_version_flag("--version", "linstub " LINSTUB_VERSION);
  program.require_subcommand(1);
  program.fallthrough(false);
  program.footer("A guest uses it with this line in its xl.cfg:\n"
                 "  device_model_override = \"/usr/libexec/linstub/linstub-dm\"\n"
                 "`linstub COMMAND --help` tells more about each command.");
  bool verbose = false;
  program.add_flag("-v,--verbose", verbose, "Say more about what is being done");
  program.parse_complete_callback([&] {
    if (verbose)
      base::set_log("linstub", base::LogLevel::debug);
  });

  for (const cli::AddCommand add : cli::commands)
    add(program);

  // Asked by the shell (config/completion.bash), not by people: before CLI11 reads the words.
  if (argc > 1 && std::string_view(argv[1]) == "complete") {
    for (const std::string &name :
         cli::completions(program, std::vector<std::string>(argv + 2, argv + argc)))
      std::puts(name.c_str());
    return 0;
  }

  try {
    program.parse(argc, argv);
  } catch (const CLI::RuntimeError &error) { // a command has failed, and said why
    return error.get_exit_code();
  } catch (const CLI::ParseError &error) {
    return program.exit(error) == 0 ? 0 : cli::usage_failed;
  }
  return 0;
}
