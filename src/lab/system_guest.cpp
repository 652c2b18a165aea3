// SPDX-License-Identifier: MIT
#include "lab/system_guest.hpp"

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/process.hpp"
#include "lab/debian_tree.hpp"
#include "lab/guest_disk.hpp"

namespace linstub::lab {
namespace fs = std::filesystem;

using std::chrono::minutes;

namespace {

constexpr const char *recipe_version = "2";
constexpr uint32_t disk_size = 512; // MiB

base::Result<std::string> read_config(const fs::path &path) {
  return base::read_file(path, size_t{1} << 20);
}

base::Result<> copy_into(const fs::path &file, const fs::path &to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::copy_file(file, to, fs::copy_options::overwrite_existing, error);
  if (error)
    return base::fail("copy {} to {}: {}", file.string(), to.string(), error.message());
  return {};
}

// Where it is made from, and where it is made.
struct Site {
  fs::path config; // the project's
  fs::path tree;
  fs::path work;
  fs::path output;

  [[nodiscard]] fs::path own() const { return config / "guests/system"; }
};

base::Result<> make_tree(const Site &site) {
  const std::string suite = TRY(read_config(site.config / "suite"));
  const std::string packages = TRY(read_config(site.own() / "packages.list"));
  TRY(unpack_debian({.what = "the guest \"system\"",
                     .suite = list_items(suite).at(0),
                     .packages = list_items(packages),
                     .tree = site.tree,
                     .work = site.work,
                     .log = site.work.parent_path() / "system-guest.log"}));
  TRY(copy_over(site.own() / "files", site.tree));
  TRY(copy_into(site.config / "guests/commands", site.tree / "usr/local/lib/lab/commands"));
  TRY(copy_into(site.own() / "grub.cfg", site.tree / "boot/grub/grub.cfg"));
  const std::string setup = TRY(read_config(site.own() / "setup"));
  return run_in_tree(site.tree, setup, minutes(10))
      .transform_error(base::doing("set the guest up"));
}

base::Result<> build(const Site &site) {
  TRY(make_tree(site));
  const SystemGuest guest{.directory = site.output};
  TRY(write_system_disk(site.tree, disk_size, guest.raw(), site.work)
          .transform_error(base::doing("make the guest's disk")));
  TRY(base::run_checked({.argv = {"qemu-img", "convert", "-O", "qcow2", guest.raw().string(),
                                  guest.qcow2().string()}},
                        base::Deadline::after(minutes(5))));
  return {};
}

} // namespace

base::Result<SystemGuest> get_system_guest(cache::Cache &cache, const fs::path &config) {
  cache::Key key;
  key.add("recipe", recipe_version);
  TRY(key.add_file("suite", config / "suite"));
  TRY(key.add_file("commands", config / "guests/commands"));
  TRY(key.add_tree("system", config / "guests/system"));
  fs::path directory = TRY(cache.get("system-guest", key, [&](const fs::path &output) {
    const fs::path work = output.string() + ".work";
    std::error_code error;
    fs::remove_all(work, error);
    fs::create_directories(work, error);
    auto built = build({.config = config, .tree = work / "tree", .work = work, .output = output});
    fs::remove_all(work, error);
    return built;
  }));
  return SystemGuest{.directory = std::move(directory)};
}

} // namespace linstub::lab
