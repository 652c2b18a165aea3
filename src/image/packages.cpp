// SPDX-License-Identifier: MIT
#include "image/packages.hpp"

#include "base/process.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <ranges>
#include <sstream>

namespace linstub::image {
namespace {

constexpr auto query_limit = std::chrono::seconds(60);

// Runs dpkg-query. It reports what it does not know with exit status 1, which is not an error
// here: the caller sees what is missing.
base::Result<std::string> dpkg_query(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "dpkg-query");
  auto output =
      TRY(base::run({.argv = std::move(arguments),
                     .environment = std::vector<std::string>{"LC_ALL=C",
                                                             "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}},
                    base::Deadline::after(query_limit))
              .transform_error(base::doing("ask dpkg-query")));
  if (output.status.code > 1 || output.status.signal != 0)
    return base::fail("dpkg-query {}: {}", output.status.text(), output.err);
  return output.out;
}

std::string plain_name(std::string_view name) {
  return std::string(name.substr(0, name.find(':')));
}

bool in_path(const std::string &program) {
  const char *path = std::getenv("PATH");
  for (auto directory :
       std::string_view(path == nullptr ? "/usr/bin:/bin" : path) | std::views::split(':')) {
    const auto file = std::filesystem::path(std::string_view(directory)) / program;
    if (::access(file.c_str(), X_OK) == 0)
      return true;
  }
  return false;
}

} // namespace

base::Result<std::vector<Package>> installed_packages(const std::vector<std::string> &names,
                                                      std::string_view wanted_for) {
  std::vector<std::string> arguments{"--show",
                                     "--showformat=${Package} ${db:Status-Status} ${Version}\n"};
  arguments.insert(arguments.end(), names.begin(), names.end());
  std::istringstream lines(TRY(dpkg_query(std::move(arguments))));
  std::map<std::string, std::string> versions;
  std::string name;
  std::string status;
  std::string version;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (words >> name >> status >> version && status == "installed")
      versions[name] = version;
  }
  std::vector<Package> packages;
  std::string missing;
  for (const std::string &wanted : names) {
    auto found = versions.find(wanted);
    if (found == versions.end())
      missing.append(" ").append(wanted);
    else
      packages.push_back({found->first, found->second});
  }
  if (!missing.empty())
    return base::fail("{} needs packages that are not installed; install them with "
                      "\"apt-get install{}\"",
                      wanted_for, missing);
  return packages;
}

base::Result<std::map<std::string, Package>> owners(const std::vector<std::string> &files) {
  if (files.empty())
    return std::map<std::string, Package>();
  std::vector<std::string> arguments{"--search"};
  arguments.insert(arguments.end(), files.begin(), files.end());
  std::istringstream lines(TRY(dpkg_query(std::move(arguments))));
  std::map<std::string, std::string> names; // by file
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.find(": /"); // "libc6:amd64: /usr/lib/…"
    if (space != std::string::npos)
      names[line.substr(space + 2)] = plain_name(line.substr(0, space));
  }
  std::vector<std::string> wanted;
  for (const std::string &file : files) {
    if (!names.contains(file))
      return base::fail("{} belongs to no package, so its origin cannot be stated", file);
    if (!std::ranges::contains(wanted, names[file]))
      wanted.push_back(names[file]);
  }
  std::map<std::string, Package> packages;
  for (Package &package : TRY(installed_packages(wanted, "the ramdisk")))
    packages[package.name] = package;
  std::map<std::string, Package> result;
  for (const std::string &file : files)
    result[file] = packages[names[file]];
  return result;
}

base::Result<> check_tools(const std::vector<Tool> &tools, std::string_view wanted_for) {
  std::string programs;
  std::string packages;
  for (const Tool &tool : tools) {
    if (in_path(tool.program))
      continue;
    programs.append(programs.empty() ? "" : ", ").append(tool.program);
    packages.append(" ").append(tool.package);
  }
  if (!programs.empty())
    return base::fail("{} needs programs that are not here: {}; install them with "
                      "\"apt-get install{}\"",
                      wanted_for, programs, packages);
  return {};
}

} // namespace linstub::image
