// SPDX-License-Identifier: MIT
#include "lab/debian_tree.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/apt.hpp"
#include "image/command_step.hpp"

#include <algorithm>

namespace linstub::lab {
namespace fs = std::filesystem;

using base::Deadline;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

// The archives that apt knows here, at the suite.
base::Result<> write_sources(const std::string &suite, const fs::path &path, const fs::path &log) {
  std::string lines = TRY(image::sources_of_this_machine(suite, log));
  for (size_t at = 0; (at = lines.find("deb-src ", at)) != std::string::npos;)
    lines.replace(at, 8, "deb ");
  return base::replace_file(path, lines);
}

} // namespace

base::Result<> unpack_debian(const DebianTree &wanted) {
  const fs::path sources = wanted.work / "sources.list";
  TRY(write_sources(wanted.suite, sources, wanted.work / "apt.log"));
  // In a mount namespace of its own: if it is killed, its mounts of /proc and /sys go with it.
  std::vector<std::string> argv{"unshare",           "--mount",
                                "--propagation",     "unchanged",
                                "mmdebstrap",        "--variant=minbase",
                                "--skip=check/qemu", "--aptopt=APT::Install-Recommends \"false\""};
  // How this machine reaches its archives (a proxy, say) holds here too.
  std::string settings =
      TRY(base::run_checked({.argv = {"apt-config", "dump"}}, Deadline::after(seconds(60))));
  for (std::string_view line :
       {std::string_view("Acquire::http"), std::string_view("Acquire::Check"),
        std::string_view("Acquire::Retries")}) {
    for (size_t at = 0; (at = settings.find(line, at)) != std::string::npos;) {
      size_t end = std::min(settings.find('\n', at), settings.size());
      if (at == 0 || settings[at - 1] == '\n')
        argv.push_back("--aptopt=" + settings.substr(at, end - at));
      at = end;
    }
  }
  // A tree that a crash has torn is made again: nobody waits for the disk.
  argv.emplace_back("--dpkgopt=force-unsafe-io");
  for (const char *path : {"locale", "doc", "man"})
    argv.push_back(base::format("--dpkgopt=path-exclude=/usr/share/{}/*", path));
  argv.insert(argv.end(), {"--include=" + base::join(wanted.packages, ","), wanted.suite,
                           wanted.tree.string(), sources.string()});
  return image::run_step(
      {.what = base::format("unpack the packages of {} (about 2 minutes)", wanted.what),
       .command = {.argv = std::move(argv)},
       .log = wanted.log,
       .limit = minutes(30)});
}

base::Result<> copy_over(const fs::path &files, const fs::path &tree) {
  std::error_code error;
  fs::copy(files, tree, fs::copy_options::recursive | fs::copy_options::overwrite_existing, error);
  if (error)
    return base::fail("copy {}: {}", files.string(), error.message());
  return {};
}

base::Result<> run_in_tree(const fs::path &tree, const std::string &script,
                           base::Milliseconds limit) {
  base::Command command{.argv = {"chroot", tree.string(), "sh", "-e", "-c", script}};
  TRY(base::run_checked(std::move(command), Deadline::after(limit)));
  return {};
}

std::vector<std::string> list_items(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, std::min(end, text.substr(0, end).find('#')));
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && line.back() == ' ')
      line.remove_suffix(1);
    if (!line.empty())
      items.emplace_back(line);
  }
  return items;
}

} // namespace linstub::lab
