// SPDX-License-Identifier: MIT
#include "lab/dom0_disk.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/newc.hpp"
#include "lab/debian_tree.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace linstub::lab {
namespace fs = std::filesystem;

using base::Deadline;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr const char *recipe_version = "1";
constexpr const char *disk_size = "4G";

base::Result<std::string> read_config(const fs::path &path) {
  return base::read_file(path, size_t{1} << 20);
}

base::Result<std::string> run(std::vector<std::string> argv, base::Milliseconds limit) {
  return base::run_checked({.argv = std::move(argv)}, Deadline::after(limit));
}

// Where dom0 is made from, and where it is made.
struct Site {
  fs::path config;
  fs::path addition; // a directory; empty: none
  fs::path tree;
  fs::path work;
  fs::path output;
};

base::Result<> unpack_packages(const Site &site) {
  std::vector<std::string> names = list_items(TRY(read_config(site.config / "packages/dom0.list")));
  if (!site.addition.empty())
    std::ranges::move(list_items(TRY(read_config(site.addition / "packages.list"))),
                      std::back_inserter(names));
  return unpack_debian({.what = "dom0",
                        .suite = list_items(TRY(read_config(site.config / "suite"))).at(0),
                        .packages = std::move(names),
                        .tree = site.tree,
                        .work = site.work,
                        .log = site.work.parent_path() / "dom0.log"});
}

base::Result<> replace_in(const fs::path &path, std::string_view what, std::string_view with) {
  std::string text = TRY(base::read_file(path, size_t{1} << 20));
  size_t at = text.find(what);
  if (at == std::string::npos)
    return base::fail("{} has no \"{}\"", path.string(), what);
  size_t end = std::min(text.find('\n', at), text.size());
  text.replace(at, end - at, with);
  return base::replace_file(path, text, 0755);
}

base::Result<> link(const fs::path &target, const fs::path &path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  fs::remove(path, error);
  fs::create_symlink(target, path, error);
  if (error)
    return base::fail("link {} to {}: {}", path.string(), target.string(), error.message());
  return {};
}

// Turns a fresh Debian into the lab's dom0: quick to boot, nothing in the background.
base::Result<> configure(const fs::path &config, const fs::path &tree, const fs::path &output) {
  std::error_code error;
  fs::remove(tree / "etc/resolv.conf", error);
  TRY(copy_over(config / "lab/dom0", tree));

  fs::path units = tree / "etc/systemd/system";
  for (const std::string &unit : list_items(TRY(read_config(config / "lab/masked-units.list"))))
    TRY(link("/dev/null", units / unit));
  TRY(link("/dev/null", tree / "etc/systemd/system-generators/systemd-ssh-generator"));
  TRY(link("/lib/systemd/system/systemd-networkd.service",
           units / "multi-user.target.wants/systemd-networkd.service"));
  TRY(link("/lib/systemd/system/multi-user.target", units / "default.target"));
  // Debian starts a QEMU in dom0 as backend for itself; the lab must show that none is needed.
  TRY(replace_in(tree / "etc/init.d/xen", "QEMU=", "QEMU=/nonexistent"));
  // PAM's systemd session has no logind to talk to.
  std::string session = TRY(base::read_file(tree / "etc/pam.d/common-session", 65536));
  std::string kept;
  for (size_t at = 0; at < session.size();) {
    size_t end = std::min(session.find('\n', at), session.size());
    std::string_view line = std::string_view(session).substr(at, end - at);
    if (!line.contains("pam_systemd"))
      kept.append(line).push_back('\n');
    at = end + 1;
  }
  TRY(base::replace_file(tree / "etc/pam.d/common-session", kept));

  TRY(run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "linstub-lab", "-f",
           (output / "id").string()},
          seconds(60)));
  std::string key = TRY(base::read_file(output / "id.pub", 4096));
  fs::create_directories(tree / "root/.ssh", error);
  fs::permissions(tree / "root/.ssh", fs::perms::owner_all, error);
  TRY(base::replace_file(tree / "root/.ssh/authorized_keys", key, 0600));
  for (const auto &entry : fs::directory_iterator(tree / "etc/ssh", error)) {
    if (entry.path().filename().string().starts_with("ssh_host_"))
      fs::remove(entry.path(), error);
  }
  TRY(run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
           (tree / "etc/ssh/ssh_host_ed25519_key").string()},
          seconds(60)));
  return {};
}

base::Result<std::string> release_of(const fs::path &tree) {
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(tree / "lib/modules", error))
    return entry.path().filename().string();
  return base::fail("dom0 has no kernel in {}/lib/modules", tree.string());
}

// An initrd with what it takes to mount the disk and nothing else: unpacked in a second, not in
// ten.
base::Result<> make_initrd(const fs::path &config, const fs::path &tree, const fs::path &target) {
  using Kind = image::NewcEntry::Kind;
  constexpr size_t largest = size_t{8} << 20;
  std::vector<image::NewcEntry> entries;
  for (const char *directory : {"/bin", "/dev", "/m", "/proc", "/root", "/sys"})
    entries.push_back({.path = directory, .kind = Kind::directory, .permissions = 0755});
  entries.push_back({.path = "/bin/busybox",
                     .permissions = 0755,
                     .data = TRY(base::read_file(tree / "bin/busybox", largest))});
  for (const char *applet : {"sh", "mount", "umount", "insmod", "switch_root", "sleep"})
    entries.push_back({.path = base::format("/bin/{}", applet),
                       .kind = Kind::link,
                       .permissions = 0777,
                       .data = "busybox"});
  entries.push_back(
      {.path = "/init", .permissions = 0755, .data = TRY(read_config(config / "lab/initrd-init"))});
  int number = 10; // two digits: the shell sorts them
  fs::path modules = tree / "lib/modules" / TRY(release_of(tree)) / "kernel";
  for (const std::string &name : list_items(TRY(read_config(config / "lab/initrd-modules.list")))) {
    const std::string said =
        TRY(run({"find", modules.string(), "-name", name + ".ko.xz"}, seconds(60)));
    const std::string found(base::without_end_of_line(said));
    if (found.empty())
      continue; // built into this kernel
    entries.push_back({.path = base::format("/m/{}-{}.ko", number++, name),
                       .data = TRY(run({"xz", "-dc", found}, seconds(60)))});
  }
  return base::replace_file(target, TRY(image::write_newc(std::move(entries))));
}

base::Result<> make_disk(const fs::path &tree, const fs::path &work, const fs::path &output) {
  fs::path raw = work / "dom0.img";
  TRY(run({"truncate", "-s", disk_size, raw.string()}, seconds(60)));
  TRY(run({"mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum,^64bit", "-E",
           "lazy_itable_init=1,lazy_journal_init=1", "-d", tree.string(), raw.string()},
          minutes(5)));
  TRY(run({"qemu-img", "convert", "-O", "qcow2", raw.string(), (output / "dom0.qcow2").string()},
          minutes(5)));
  return {};
}

base::Result<> take_boot_files(const fs::path &tree, const fs::path &output) {
  std::string release = TRY(release_of(tree));
  TRY(run({"cp", (tree / "boot" / ("vmlinuz-" + release)).string(), (output / "vmlinuz").string()},
          seconds(60)));
  TRY(base::replace_file(output / "release", release));
  const std::string said =
      TRY(run({"find", (tree / "boot").string(), "-name", "xen-*-amd64.gz"}, seconds(60)));
  const std::string found(base::without_end_of_line(said));
  if (found.empty() || found.contains('\n'))
    return base::fail("dom0 should have one hypervisor in /boot, and has \"{}\"", found);
  std::string hypervisor = TRY(run({"gzip", "-dc", found}, seconds(60)));
  TRY(base::replace_file(output / "xen.bin", hypervisor));
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(tree / "boot", error)) {
    if (entry.path().filename().string().starts_with("initrd"))
      fs::remove(entry.path(), error);
  }
  return {};
}

base::Result<> add(const fs::path &addition, const fs::path &tree) {
  TRY(copy_over(addition / "dom0", tree));
  return run_in_tree(tree, TRY(read_config(addition / "setup")), minutes(2));
}

base::Result<> build(const Site &site) {
  const auto &[config, addition, tree, work, output] = site;
  TRY(unpack_packages(site));
  TRY(configure(config, tree, output).transform_error(base::doing("configure dom0")));
  if (!addition.empty())
    TRY(add(addition, tree).transform_error(base::doing("configure dom0's addition")));
  TRY(take_boot_files(tree, output));
  TRY(make_initrd(config, tree, output / "initrd").transform_error(base::doing("make the initrd")));
  std::string release = TRY(release_of(tree));
  TRY(run({"chroot", tree.string(), "depmod", release}, minutes(2)));
  return make_disk(tree, work, output).transform_error(base::doing("make dom0's disk"));
}

} // namespace

base::Result<Dom0> get_dom0(cache::Cache &cache, const fs::path &config,
                            std::string_view addition) {
  cache::Key key;
  key.add("recipe", recipe_version);
  TRY(key.add_file("suite", config / "suite"));
  TRY(key.add_file("packages", config / "packages/dom0.list"));
  TRY(key.add_tree("config", config / "lab"));
  fs::path added = addition.empty() ? fs::path() : config / addition;
  if (!added.empty())
    TRY(key.add_tree("addition", added));
  // Kinds of their own: the one shall not remove the other as old.
  std::string kind = addition.empty() ? "dom0" : base::format("{}-dom0", addition);
  fs::path directory = TRY(cache.get(kind, key, [&](const fs::path &output) -> base::Result<> {
    fs::path work = output.string() + ".work";
    std::error_code error;
    fs::remove_all(work, error);
    fs::create_directories(work, error);
    auto built = build({.config = config,
                        .addition = added,
                        .tree = work / "tree",
                        .work = work,
                        .output = output});
    fs::remove_all(work, error);
    return built;
  }));
  return Dom0{.directory = directory};
}

} // namespace linstub::lab
