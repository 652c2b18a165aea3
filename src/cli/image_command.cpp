// SPDX-License-Identifier: MIT
// linstub image: builds, shows and checks the stub domain's kernel and ramdisk.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "image/image_build.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <print>
#include <thread>

namespace linstub::cli {
namespace fs = std::filesystem;

namespace {

struct ImageSettings {
  std::string directory;
  std::string recipes;
  std::string init;
  std::string locked;
  bool refresh = false;
  bool rebuild_ramdisk = false;
  bool rebuild_all = false;
  bool list_files = false;
  bool list_licences = false;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
};

// Where things are beside this program: in an installed tree, or in a build directory and the
// checkout that it is run from.
struct Places {
  fs::path directory;
  fs::path recipes;
  fs::path init;
};

Places find_places() {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  const fs::path prefix = here.parent_path();
  if (fs::is_directory(prefix / "share/linstub", error))
    return {.directory = prefix / "lib/linstub/image",
            .recipes = prefix / "share/linstub",
            .init = prefix / "libexec/linstub/linstub-init"};
  return {
      .directory = "image", .recipes = "config", .init = here.parent_path() / "stub/linstub-init"};
}

base::Result<image::BuildOptions> build_options(const ImageSettings &settings) {
  image::BuildOptions options{.recipes = fs::absolute(settings.recipes),
                              .init = settings.init,
                              .output = settings.directory,
                              .jobs = settings.jobs};
  if (settings.refresh)
    options.freshness = image::Freshness::ask_archive;
  if (!settings.locked.empty())
    options.locked = TRY(manifest::read(settings.locked));
  return options;
}

void print_summary(const manifest::Manifest &manifest) {
  constexpr double megabyte = 1e6;
  const manifest::Identity &identity = manifest.identity;
  auto print = [](std::string_view name, const manifest::Digest &file, uint64_t most,
                  const std::string &more = {}) {
    std::println("{:8} {:5.2f} MB of at most {:<20} {}", name,
                 static_cast<double>(file.size) / megabyte,
                 base::format("{:.1f}{}", static_cast<double>(most) / megabyte, more), file.sha256);
  };
  std::println("image for Xen {} of Debian {}, Linstub {}", identity.xen, identity.suite,
               identity.version);
  print("kernel", identity.kernel, image::largest_kernel);
  print("ramdisk", identity.ramdisk, image::largest_ramdisk,
        base::format(", unpacked {:5.2f}",
                     static_cast<double>(identity.ramdisk_unpacked) / megabyte));
  print("init", identity.init, image::largest_init);
  print("system", identity.system, image::largest_system);
}

void print_details(const manifest::Manifest &manifest) {
  std::println("\nmade from:");
  for (const manifest::Input &input : manifest.inputs)
    std::println("  {:8} {:28} {:32} {}", input.kind, input.name, input.version,
                 input.file == input.name ? "" : input.file);
  std::println("\nfor the stub domain:");
  for (const manifest::RamdiskFile &file : manifest.files)
    std::println("  {:9} {:44} {} {}", file.digest.size, file.path, file.origin, file.version);
}

void print_licences(const manifest::Manifest &manifest) {
  std::println("\nlicences, as Debian's copyright files name them for the whole of each work:");
  for (const manifest::Component &component : manifest.components) {
    std::println("  {:28} {:32} in {}", component.name, component.version,
                 component.part.starts_with('/') ? component.part : "the " + component.part);
    const auto same = std::ranges::find(manifest.components, component.copyright,
                                        &manifest::Component::copyright);
    if (same->name != component.name) {
      std::println("      as {}", same->name);
      continue;
    }
    if (component.licences.empty())
      std::println("      see copyright/{}", component.name);
    for (const std::string &licence : component.licences)
      std::println("      {}", licence);
  }
}

base::Result<> build(const ImageSettings &settings) {
  const auto options = TRY(build_options(settings));
  print_summary(TRY(image::build_image(options).transform_error(base::doing("build the image"))));
  return {};
}

base::Result<> show(const ImageSettings &settings) {
  const auto manifest = TRY(manifest::read(settings.directory + "/manifest.json"));
  print_summary(manifest);
  if (settings.list_files)
    print_details(manifest);
  if (settings.list_licences)
    print_licences(manifest);
  return {};
}

base::Result<> verify(const ImageSettings &settings) {
  TRY(image::verify_image(settings.directory).transform_error(base::doing("verify the image")));
  std::println("all files of the image are those of its manifest");
  if (!settings.rebuild_all && !settings.rebuild_ramdisk)
    return {};
  const auto extent =
      settings.rebuild_all ? image::Reproduce::everything : image::Reproduce::ramdisk;
  const auto options = TRY(build_options(settings));
  TRY(image::reproduce_image(options, extent)
          .transform_error(base::doing("build the image again")));
  std::println("a second build in other directories gave the same {}",
               settings.rebuild_all ? "kernel and ramdisk, bit by bit" : "ramdisk, bit by bit");
  return {};
}

void add_build_options(CLI::App &command, ImageSettings &settings) {
  command
      .add_option("--recipes", settings.recipes,
                  "Directory of kernel options, QEMU device list "
                  "and ramdisk contents")
      ->capture_default_str();
  command.add_option("--init", settings.init, "The linstub-init to put in")->capture_default_str();
  command.add_option("--jobs,-j", settings.jobs, "Compilers at the same time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

} // namespace

void add_image_command(CLI::App &program) {
  auto settings = std::make_shared<ImageSettings>();
  const Places places = find_places();
  settings->directory = places.directory;
  settings->recipes = places.recipes;
  settings->init = places.init;

  auto *command = program.add_subcommand("image", "Build, show and check the stub domain's image");
  command->require_subcommand(1);

  auto *building = command->add_subcommand(
      "build", "Build kernel and ramdisk; what has not changed is taken from the cache");
  building->add_option("--output,-o", settings->directory, "The image directory")
      ->capture_default_str();
  building->add_option("--locked", settings->locked,
                       "Insist on exactly the inputs of this manifest.json");
  building->add_flag("--refresh", settings->refresh,
                     "Ask the archive for a newer QEMU, even if one is in the cache");
  add_build_options(*building, *settings);
  building->callback([settings] { finish(build(*settings)); });

  auto *showing = command->add_subcommand("show", "Show what an image is");
  showing->add_option("directory", settings->directory, "The image directory")
      ->capture_default_str();
  showing->add_flag("--files", settings->list_files, "List its inputs and its files too");
  showing->add_flag("--licences", settings->list_licences,
                    "List what is in it and under which licences");
  showing->callback([settings] { finish(show(*settings)); });

  auto *verifying = command->add_subcommand("verify", "Check an image against its manifest");
  verifying->add_option("directory", settings->directory, "The image directory")
      ->capture_default_str();
  verifying->add_flag("--rebuild-ramdisk", settings->rebuild_ramdisk,
                      "Make the ramdisk again elsewhere and compare");
  verifying->add_flag("--rebuild", settings->rebuild_all,
                      "Compile kernel and QEMU again elsewhere and compare (minutes)");
  add_build_options(*verifying, *settings);
  verifying->callback([settings] { finish(verify(*settings)); });
}

} // namespace linstub::cli
