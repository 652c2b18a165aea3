// SPDX-License-Identifier: MIT
#include "cli/complete.hpp"

#include <algorithm>

namespace linstub::cli {
namespace {

const CLI::App *find_command(const CLI::App &app, const std::string &name) {
  auto found = app.get_subcommands([&](const CLI::App *sub) { return sub->check_name(name); });
  return found.empty() ? nullptr : found.front();
}

// Whether a word is an option whose value is the next word.
bool takes_next_word(const CLI::App &app, const std::string &word) {
  if (!word.starts_with('-') || word.contains('='))
    return false;
  const CLI::Option *option = app.get_option_no_throw(word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

std::vector<std::string> options(const CLI::App &app) {
  std::vector<std::string> names;
  for (const CLI::Option *option : app.get_options()) {
    for (const std::string &name : option->get_lnames())
      names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> commands(const CLI::App &app) {
  std::vector<std::string> names;
  constexpr auto shown = [](const CLI::App *sub) { return !sub->get_group().empty(); };
  for (const CLI::App *sub : app.get_subcommands(shown))
    names.push_back(sub->get_name());
  return names;
}

} // namespace

std::vector<std::string> completions(const CLI::App &program, std::span<const std::string> words) {
  if (words.empty())
    return {};
  const CLI::App *app = &program;
  const std::string &typed = words.back();
  words = words.first(words.size() - 1);
  for (size_t i = 0; i < words.size(); i++) {
    if (takes_next_word(*app, words[i]))
      i++;
    else if (const CLI::App *command = find_command(*app, words[i]))
      app = command;
  }
  if (!words.empty() && takes_next_word(*app, words.back()))
    return {};
  std::vector<std::string> names = typed.starts_with('-') ? options(*app) : commands(*app);
  std::erase_if(names, [&](const std::string &name) { return !name.starts_with(typed); });
  std::ranges::sort(names);
  return names;
}

} // namespace linstub::cli
