// SPDX-License-Identifier: MIT
#include "lab/guests.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/newc.hpp"
#include "image/recipe.hpp"
#include "image/zstd.hpp"
#include "lab/debian_tree.hpp"
#include "lab/guest_disk.hpp"
#include "lab/kernel_modules.hpp"

#include <array>
#include <string>
#include <vector>

namespace linstub::lab {
namespace fs = std::filesystem;

using base::Deadline;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr const char *recipe_version = "3";
constexpr const char *tiny_kernel = "guest-kernel"; // in the cache
constexpr const char *kernel_source = "/usr/src/linux-source-6.12.tar.xz";
constexpr const char *shell = "/bin/busybox"; // static, of the build root
constexpr size_t largest_program = size_t{8} << 20;

// What both guests' kernels are told; without Xen support in the kernel the last word is noise.
constexpr const char *command_line = "console=ttyS0 quiet xen_emul_unplug=never";

constexpr uint32_t disk_size = 16; // MiB

// What the Debian guest does when it boots from its CD.
constexpr const char *demo_commands = "disk,net,banner";

// A directory for scratch files, removed when left.
class Scratch {
public:
  explicit Scratch(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    fs::remove_all(path_, error);
    fs::create_directories(path_, error);
  }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  [[nodiscard]] const fs::path &path() const { return path_; }

private:
  fs::path path_;
};

// The small programs that busybox does not have.
constexpr std::array programs{"measure", "ioport", "cpuid"};

base::Result<std::string> compile(const std::string &name, const fs::path &config,
                                  const fs::path &work) {
  const fs::path program = work / name;
  TRY(base::run_checked(
      {.argv = {"g++", "-std=c++23", "-Os", "-static", "-nostdlib", "-ffreestanding",
                "-fno-stack-protector", "-fno-pie", "-no-pie", "-fno-asynchronous-unwind-tables",
                "-s", "-o", program.string(), (config / "guests" / (name + ".cpp")).string()}},
      Deadline::after(minutes(2))));
  return base::read_file(program, largest_program);
}

// The ramdisk: busybox, our init and, for a kernel that has drivers as modules, those.
base::Result<std::string> make_initrd(const fs::path &config, const fs::path &work,
                                      const std::vector<Module> &modules) {
  using Kind = image::NewcEntry::Kind;
  std::vector<image::NewcEntry> entries;
  for (const char *directory : {"/bin", "/dev"})
    entries.push_back({.path = directory, .kind = Kind::directory, .permissions = 0755});
  auto program = [&](std::string path, std::string data) {
    entries.push_back({.path = std::move(path), .permissions = 0755, .data = std::move(data)});
  };
  program("/bin/busybox", TRY(base::read_file(shell, largest_program)));
  for (const std::string name : programs)
    program("/bin/" + name, TRY(compile(name, config, work)));
  program("/bin/lease", TRY(base::read_file(config / "guests/lease", largest_program)));
  program("/init", TRY(base::read_file(config / "guests/init", largest_program)));
  entries.push_back({.path = "/commands",
                     .data = TRY(base::read_file(config / "guests/commands", largest_program))});
  if (!modules.empty()) {
    entries.push_back({.path = "/modules", .kind = Kind::directory, .permissions = 0755});
    std::string order;
    for (const Module &module : modules) {
      order.append(module.name).push_back('\n');
      entries.push_back(
          {.path = base::format("/modules/{}.ko", module.name), .data = module.content});
    }
    entries.push_back({.path = "/modules/order", .data = std::move(order)});
  }
  const std::string archive = TRY(image::write_newc(std::move(entries)));
  return image::compress(archive);
}

base::Result<> copy_to(const fs::path &from, const fs::path &to) {
  std::error_code error;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error)
    return base::fail("copy {} to {}: {}", from.string(), to.string(), error.message());
  return {};
}

// Everything but the modules: it decides, with them, what both guests are.
base::Result<> add_common(cache::Key &key, const fs::path &config) {
  key.add("recipe", recipe_version).add("command line", command_line);
  TRY(key.add_file("busybox", shell));
  for (const char *name : {"init", "commands", "lease", "freestanding.hpp"})
    TRY(key.add_file(name, config / "guests" / name));
  for (const std::string name : programs)
    TRY(key.add_file(name, config / "guests" / (name + ".cpp")));
  return {};
}

fs::path tiny_options(const fs::path &config) { return config / "guests/tiny-kernel.config"; }

base::Result<cache::Key> tiny_kernel_key(const fs::path &config) {
  cache::Key key;
  TRY(key.add_file("source", kernel_source));
  TRY(key.add_file("options", tiny_options(config)));
  return key;
}

base::Result<fs::path> get_tiny_kernel(cache::Cache &cache, const fs::path &config) {
  const cache::Key key = TRY(tiny_kernel_key(config));
  return cache.get(tiny_kernel, key, [&](const fs::path &output) {
    const Scratch work(output.string() + ".work");
    return image::build_kernel(
        {.tarball = kernel_source, .fragment = tiny_options(config), .layout = {}},
        {.work = work.path(),
         .output = output,
         .log = cache.root() / "guest-kernel.log",
         .jobs = 2});
  });
}

// Puts kernel and initrd into a guest's directory.
base::Result<> put_system(const Guest &guest, const fs::path &config, const fs::path &kernel,
                          const std::vector<Module> &modules, const fs::path &work) {
  TRY(copy_to(kernel, guest.kernel()));
  const std::string initrd = TRY(make_initrd(config, work, modules));
  return base::replace_file(guest.initrd(), initrd);
}

base::Result<> build_tiny(const fs::path &config, const fs::path &kernel, const fs::path &output) {
  const Scratch work(output.string() + ".work");
  const Guest guest{.directory = output};
  TRY(put_system(guest, config, kernel, {}, work.path()));
  const Boot boot{.kernel = guest.kernel(), .initrd = guest.initrd(), .command_line = command_line};
  TRY(write_boot_cd(boot, guest.cd(), work.path()).transform_error(base::doing("make its CD")));
  return write_boot_disk(boot, disk_size, guest.disk(), work.path())
      .transform_error(base::doing("make the guest's disk"));
}

// A system with dom0's kernel and some of its modules.
base::Result<> put_debian_system(const Guest &guest, const fs::path &config, const fs::path &list,
                                 const Dom0 &dom0, const fs::path &work) {
  const std::string names = TRY(base::read_file(list, size_t{1} << 16));
  const std::vector<Module> modules =
      TRY(read_modules(dom0, list_items(names), work)
              .transform_error(base::doing("take the guest's modules from dom0's disk")));
  return put_system(guest, config, dom0.kernel(), modules, work);
}

base::Result<> build_pv(const fs::path &config, const Dom0 &dom0, const fs::path &output) {
  const Scratch work(output.string() + ".work");
  return put_debian_system({.directory = output}, config, config / "guests/pv-modules.list", dom0,
                           work.path());
}

base::Result<> build_debian(const fs::path &config, const Dom0 &dom0, const fs::path &output) {
  const Scratch work(output.string() + ".work");
  const Guest guest{.directory = output};
  TRY(put_debian_system(guest, config, config / "guests/modules.list", dom0, work.path()));
  TRY(write_disk(disk_size, guest.disk()).transform_error(base::doing("make the guest's disk")));
  return write_boot_cd(
             {.kernel = guest.kernel(),
              .initrd = guest.initrd(),
              .command_line = base::format("{} linstub.run={}", command_line, demo_commands)},
             guest.cd(), work.path())
      .transform_error(base::doing("make the guest's CD"));
}

} // namespace

bool has_tiny_kernel(const cache::Cache &cache, const fs::path &config) {
  const auto key = tiny_kernel_key(config);
  return key && !cache.find(tiny_kernel, *key).empty();
}

base::Result<Guest> get_tiny_guest(cache::Cache &cache, const fs::path &config) {
  const fs::path kernel = TRY(
      get_tiny_kernel(cache, config).transform_error(base::doing("make the test guest's kernel")));
  cache::Key key;
  TRY(add_common(key, config));
  TRY(key.add_file("kernel", kernel / "kernel"));
  fs::path directory = TRY(cache.get("tiny-guest", key, [&](const fs::path &output) {
    return build_tiny(config, kernel / "kernel", output);
  }));
  return Guest{.directory = std::move(directory)};
}

base::Result<Guest> get_debian_guest(cache::Cache &cache, const fs::path &config,
                                     const Dom0 &dom0) {
  cache::Key key;
  TRY(add_common(key, config));
  key.add("commands", demo_commands);
  TRY(key.add_file("modules", config / "guests/modules.list"));
  TRY(key.add_file("kernel", dom0.kernel()));
  fs::path directory = TRY(cache.get("debian-guest", key, [&](const fs::path &output) {
    return build_debian(config, dom0, output);
  }));
  return Guest{.directory = std::move(directory)};
}

base::Result<Guest> get_pv_guest(cache::Cache &cache, const fs::path &config, const Dom0 &dom0) {
  cache::Key key;
  TRY(add_common(key, config));
  TRY(key.add_file("modules", config / "guests/pv-modules.list"));
  TRY(key.add_file("kernel", dom0.kernel()));
  fs::path directory = TRY(cache.get(
      "pv-guest", key, [&](const fs::path &output) { return build_pv(config, dom0, output); }));
  return Guest{.directory = std::move(directory)};
}

} // namespace linstub::lab
