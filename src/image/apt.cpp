// SPDX-License-Identifier: MIT
#include "image/apt.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/command_step.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace linstub::image {
namespace fs = std::filesystem;

namespace {

constexpr auto query_limit = std::chrono::seconds(60);
constexpr auto download_limit = std::chrono::minutes(20);
constexpr auto unpack_limit = std::chrono::minutes(10);
constexpr size_t largest_description = size_t{1} << 20;

// Options that give apt index files and a cache of its own.
std::vector<std::string> private_options(const fs::path &scratch) {
  return {"-oDir::Etc::sourcelist=" + (scratch / "sources.list").string(),
          "-oDir::Etc::sourceparts=-",
          "-oDir::State::Lists=" + (scratch / "lists").string(),
          "-oDir::Cache=" + (scratch / "cache").string(),
          "-oAPT::Sandbox::User=root",
          "-oAcquire::Retries=3",
          "-oAcquire::http::Timeout=30"};
}

std::vector<std::string> with_options(std::string program, const fs::path &scratch,
                                      const std::vector<std::string> &arguments) {
  std::vector<std::string> argv{std::move(program)};
  const std::vector<std::string> options = private_options(scratch);
  argv.insert(argv.end(), options.begin(), options.end());
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

// The versions of a source package that the archive has, for the error about one that it lacks.
std::string available_versions(const std::string &name, const fs::path &scratch) {
  auto text = base::run_checked(
      {.argv = with_options("apt-cache", scratch, {"showsrc", "--only-source", name})},
      base::Deadline::after(query_limit));
  std::string versions;
  std::istringstream lines(text.value_or(""));
  constexpr std::string_view field = "Version: ";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field))
      versions.append(versions.empty() ? "" : ", ").append(line.substr(field.size()));
  }
  return versions.empty() ? "none" : versions;
}

base::Result<std::string> known_sources(const std::string &suite) {
  const std::string targets = TRY(base::run_checked(
      {.argv = {"apt-get", "indextargets", "--format",
                "$(REPO_URI) $(RELEASE) $(COMPONENT) $(SIGNED_BY)", "Created-By: Packages"}},
      base::Deadline::after(query_limit)));
  return source_lines(suite, targets);
}

base::Result<> make_scratch(const std::string &suite, const fs::path &scratch,
                            const fs::path &log) {
  std::error_code error;
  for (const char *directory : {"lists/partial", "cache/archives/partial"}) {
    fs::create_directories(scratch / directory, error);
    if (error)
      return base::fail("make {}: {}", (scratch / directory).string(), error.message());
  }
  return base::replace_file(scratch / "sources.list", TRY(sources_of_this_machine(suite, log)));
}

} // namespace

base::Result<std::string> sources_of_this_machine(const std::string &suite, const fs::path &log) {
  std::string lines = TRY(known_sources(suite));
  if (lines.empty()) {
    TRY(run_step({.what = "read the package lists",
                  .command = {.argv = {"apt-get", "update", "-q"}},
                  .log = log,
                  .limit = download_limit}));
    lines = TRY(known_sources(suite));
  }
  if (lines.empty())
    return base::fail("apt has no archive of Debian {} in its sources (/etc/apt)", suite);
  return lines;
}

std::string source_lines(const std::string &suite, std::string_view index_targets) {
  const std::set<std::string> releases{suite, suite + "-updates", suite + "-security"};
  std::string result;
  std::istringstream lines{std::string(index_targets)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string uri;
    std::string release;
    std::string component;
    std::string key;
    words >> uri >> release >> component >> key;
    if (component != "main" || !releases.contains(release))
      continue;
    const std::string options = key.empty() ? "" : base::format("[signed-by={}] ", key);
    const std::string entry =
        base::format("deb-src {}{} {} {}\n", options, uri, release, component);
    if (!result.contains(entry))
      result += entry;
  }
  return result;
}

base::Result<SourcePackage> read_source(const std::string &name, const fs::path &directory) {
  SourcePackage package{.name = name};
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(directory, error)) {
    if (!entry.is_regular_file())
      continue;
    package.files.push_back(entry.path());
    if (entry.path().extension() == ".dsc")
      package.description = entry.path();
  }
  std::ranges::sort(package.files);
  if (package.description.empty())
    return base::fail("there is no source package {} in {}", name, directory.string());
  std::istringstream lines(TRY(base::read_file(package.description, largest_description)));
  constexpr std::string_view field = "Version: ";
  for (std::string line; std::getline(lines, line) && package.version.empty();) {
    if (line.starts_with(field))
      package.version = line.substr(field.size());
  }
  if (package.version.empty())
    return base::fail("{} has no version", package.description.string());
  return package;
}

base::Result<SourcePackage> fetch_source(const std::string &suite, const std::string &name,
                                         const std::string &version, const fs::path &directory,
                                         const fs::path &scratch, const fs::path &log) {
  TRY(make_scratch(suite, scratch, log));
  auto update = run_step(
      {.what = base::format("read the index of Debian {}'s sources", suite),
       .command = {.argv = with_options("apt-get", scratch, {"update", "--error-on=any", "-q"})},
       .log = log,
       .limit = download_limit});
  if (!update)
    return base::fail("{}. Is there a network, and does apt's archive answer?",
                      update.error().message());
  const std::string wanted = version.empty() ? name : name + "=" + version;
  auto download = run_step({.what = "download the source of " + wanted,
                            .command = {.argv = with_options("apt-get", scratch,
                                                             {"source", "-q", "--download-only",
                                                              "--only-source", wanted}),
                                        .directory = directory},
                            .log = log,
                            .limit = download_limit});
  if (!download) {
    if (!version.empty())
      return base::fail("the archive does not have source {} {} (it has: {}); superseded "
                        "versions are at snapshot.debian.org. {}",
                        name, version, available_versions(name, scratch),
                        download.error().message());
    return std::unexpected(std::move(download).error());
  }
  return read_source(name, directory);
}

base::Result<> unpack_source(const SourcePackage &package, const fs::path &target,
                             const fs::path &log) {
  return run_step(
      {.what = base::format("unpack {} {}", package.name, package.version),
       .command = {.argv = {"dpkg-source", "--no-copy", "-x", package.description, target}},
       .log = log,
       .limit = unpack_limit});
}

} // namespace linstub::image
