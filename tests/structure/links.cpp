// SPDX-License-Identifier: MIT
#include "structure/links.hpp"

#include "base/fd.hpp"
#include "base/format.hpp"

namespace linstub::structure {
namespace fs = std::filesystem;

namespace {

constexpr size_t largest_list = size_t{1} << 20;

} // namespace

Links parse_links(std::string_view cmake) {
  std::string text; // one line, without comments
  for (const std::string &line : split(cmake, '\n'))
    text.append(line.substr(0, line.find('#'))).append(" ");
  auto of_all = [&](std::string_view command, const auto &take) {
    for (size_t at = text.find(command); at != std::string::npos;
         at = text.find(command, at + command.size())) {
      const size_t begin = at + command.size();
      take(words(text.substr(begin, text.find(')', begin) - begin)));
    }
  };
  Links links;
  of_all("add_library(", [&](const std::vector<std::string> &arguments) {
    if (!arguments.empty())
      links.libraries.insert(arguments.front());
  });
  of_all("target_link_libraries(", [&](const std::vector<std::string> &arguments) {
    for (const std::string &argument : arguments) {
      if (argument.starts_with("linstub_") && argument != arguments.front())
        links.linked.insert(argument);
    }
  });
  return links;
}

base::Result<std::map<std::string, Links>> read_links(const fs::path &checkout) {
  std::map<std::string, Links> links;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(checkout / "src", error)) {
    const fs::path list = entry.path() / "CMakeLists.txt";
    if (fs::exists(list, error))
      links[entry.path().filename().string()] =
          parse_links(TRY(base::read_file(list, largest_list)));
  }
  if (error)
    return base::fail("list {}: {}", (checkout / "src").string(), error.message());
  return links;
}

Sentences check_links(const std::map<std::string, Links> &links, const Arrows &arrows) {
  std::map<std::string, std::string> homes; // folders of libraries
  for (const auto &[folder, own] : links) {
    for (const std::string &library : own.libraries)
      homes[library] = folder;
  }
  Sentences wrong;
  for (const auto &[folder, own] : links) {
    std::set<std::string> linked;
    for (const std::string &library : own.linked) {
      const auto home = homes.find(library);
      if (home == homes.end())
        wrong.push_back(base::format("src/{} links {}, which no folder makes", folder, library));
      else if (home->second != folder)
        linked.insert(home->second);
    }
    const auto found = arrows.find(folder);
    const std::set<std::string> included =
        found == arrows.end() ? std::set<std::string>() : found->second;
    for (const std::string &other : included) {
      if (!linked.contains(other))
        wrong.push_back(base::format("src/{} includes files of {}, and its CMakeLists.txt does not "
                                     "link that folder's library",
                                     folder, other));
    }
    for (const std::string &other : linked) {
      if (!included.contains(other))
        wrong.push_back(base::format("src/{}/CMakeLists.txt links a library of {}, and no file "
                                     "there includes one of that folder",
                                     folder, other));
    }
  }
  return wrong;
}

} // namespace linstub::structure
