// SPDX-License-Identifier: MIT
#include "image/image_build.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/sha256.hpp"
#include "cache/cache.hpp"
#include "image/components.hpp"
#include "image/contents.hpp"
#include "image/erofs.hpp"
#include "image/image_inputs.hpp"
#include "image/locked_inputs.hpp"
#include "image/ramdisk.hpp"
#include "image/recipe.hpp"
#include "image/temporary.hpp"
#include "image/zstd.hpp"

#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <tuple>

namespace linstub::image {
namespace fs = std::filesystem;

using manifest::Digest;
using manifest::digest_of;
using manifest::digest_of_file;
using manifest::Input;
using manifest::Manifest;
using manifest::RamdiskFile;

namespace {

constexpr size_t largest_file = size_t{64} << 20;
constexpr const char *kernel_name = "kernel";
constexpr const char *ramdisk_name = "ramdisk";
constexpr const char *manifest_name = "manifest.json";
constexpr const char *copyright_directory = "copyright";

struct Image {
  std::string kernel;
  std::string ramdisk;
  std::string init;
  std::string system;
  std::map<std::string, std::string> copyrights; // by component
  Manifest manifest;
};

struct ImageFile {
  const char *name;
  std::string Image::*content;
  Digest manifest::Identity::*digest;
  uint64_t most; // bytes
};
constexpr std::array image_files{
    ImageFile{kernel_name, &Image::kernel, &manifest::Identity::kernel, largest_kernel},
    ImageFile{ramdisk_name, &Image::ramdisk, &manifest::Identity::ramdisk, largest_ramdisk},
    ImageFile{"init", &Image::init, &manifest::Identity::init, largest_init},
    ImageFile{"system", &Image::system, &manifest::Identity::system, largest_system},
};

base::Result<> check_space(const fs::path &directory, uint64_t needed) {
  std::error_code error;
  const auto space = fs::space(directory, error);
  if (error)
    return base::fail("look at the free space of {}: {}", directory.string(), error.message());
  constexpr double gib = 1 << 30;
  if (space.available < needed)
    return base::fail("no disk space: {:.1f} GiB are needed in {}, {:.1f} GiB are free; free some, "
                      "or set LINSTUB_CACHE to another disk",
                      static_cast<double>(needed) / gib, directory.string(),
                      static_cast<double>(space.available) / gib);
  return {};
}

base::Result<> check_locked(const std::optional<Manifest> &locked, const std::vector<Input> &inputs,
                            Inputs extent) {
  if (!locked)
    return {};
  std::string sentences;
  for (const std::string &sentence : differences(locked->inputs, inputs, extent))
    sentences.append(sentences.empty() ? " " : "; ").append(sentence);
  if (!sentences.empty())
    return base::fail("the inputs are not those of the locked manifest:{}. Install the named "
                      "versions (apt-get install PACKAGE=VERSION; snapshot.debian.org keeps those "
                      "that the archive has dropped), or build without --locked",
                      sentences);
  return {};
}

// A compiled part: from the cache, or made by its recipe.
using Recipe = std::function<base::Result<>(const Workshop &)>;

base::Result<fs::path> compiled(cache::Cache &cache, const std::string &kind, const cache::Key &key,
                                uint64_t room, unsigned jobs, const Recipe &recipe) {
  return cache.get(kind, key, [&](const fs::path &directory) -> base::Result<> {
    TRY(check_tools(build_tools(), "the image's build"));
    TRY(check_space(cache.root(), room));
    const fs::path log = cache.root() / (kind + ".log");
    const fs::path work = directory / "work";
    std::error_code error;
    fs::remove(log, error);
    fs::create_directory(work, error);
    TRY(recipe({.work = work, .output = directory, .log = log, .jobs = jobs}));
    fs::remove_all(work, error);
    return {};
  });
}

struct Parts {
  fs::path kernel; // directories
  fs::path qemu;
};

base::Result<Parts> compiled_parts(cache::Cache &cache, const ImageInputs &inputs,
                                   const BuildOptions &options) {
  auto kernel = [&](const Workshop &shop) {
    const fs::path recipes = fs::absolute(options.recipes);
    return build_kernel({.tarball = inputs.tarball,
                         .fragment = recipes / kernel_options_recipe,
                         .layout = recipes / kernel_layout_recipe},
                        shop);
  };
  auto qemu = [&](const Workshop &shop) { return build_qemu(inputs.qemu, options.recipes, shop); };
  // Both at once: each has its minute in which it keeps one CPU busy (unpack, configure, link).
  constexpr uint64_t room = kernel_work_size + qemu_work_size;
  auto other = std::async(std::launch::async, [&] {
    return compiled(cache, "qemu", inputs.qemu_key, room, options.jobs, qemu);
  });
  auto first = compiled(cache, "kernel", inputs.kernel_key, room, options.jobs, kernel);
  auto second = other.get();
  return Parts{.kernel = TRY(std::move(first)), .qemu = TRY(std::move(second))};
}

// The compressed ramdisk; compressing takes seconds, so it is cached too.
base::Result<std::string> compressed(cache::Cache &cache, const std::string &archive) {
  const auto key = cache::Key().add("archive", base::sha256(archive)).add("recipe", "1");
  auto make = [&](const fs::path &directory) -> base::Result<> {
    const std::string data = TRY(compress(archive));
    return base::replace_file(directory / ramdisk_name, data);
  };
  const fs::path entry = TRY(cache.get("ramdisk", key, make));
  return base::read_file(entry / ramdisk_name, largest_file);
}

// A file system with QEMU: packing takes a quarter of a minute. What permissions and directories
// there are, follows from the table of contents, which is in the key.
base::Result<std::string> packed(cache::Cache &cache, cache::Key key, const fs::path &directory,
                                 Packing packing) {
  constexpr const char *name = "system.erofs";
  key.add("packing", erofs_options(packing));
  TRY(key.add_tree("tree", directory));
  const fs::path entry = TRY(cache.get("system", key, [&](const fs::path &made) {
    return make_erofs(directory, made / name, packing);
  }));
  return base::read_file(entry / name, largest_file);
}

base::Result<> check_bound(std::string_view what, uint64_t size, uint64_t bound) {
  if (size > bound)
    return base::fail("the {} has {} bytes, its bound is {}; take something out of its "
                      "configuration",
                      what, size, bound);
  return {};
}

base::Result<Image> assemble(cache::Cache &cache, const ImageInputs &inputs, const Parts &parts,
                             const BuildOptions &options) {
  const fs::path table = options.recipes / "image/contents";
  const std::string lines = TRY(base::read_file(table, largest_file));
  const auto contents =
      TRY(parse_contents(lines).transform_error(base::doing("read {}", table.string())));
  std::error_code error;
  if (!fs::is_regular_file(options.init, error))
    return base::fail("there is no linstub-init at {}; build Linstub first, or say with "
                      "--init where it is",
                      options.init.string());
  const TemporaryDirectory scratch = TRY(TemporaryDirectory::make(cache.root()));
  Ramdisk ramdisk =
      TRY(make_ramdisk(contents, {.root = "/",
                                  .qemu = parts.qemu,
                                  .init = options.init,
                                  .scratch = scratch.path(),
                                  .qemu_version = inputs.qemu.version,
                                  .linstub_version = LINSTUB_VERSION,
                                  .owners = owners,
                                  .pack = [&](const fs::path &directory, Packing packing) {
                                    return packed(cache, inputs.system_key, directory, packing);
                                  }}));
  Image image{.kernel = TRY(base::read_file(parts.kernel / kernel_name, largest_file)),
              .ramdisk = TRY(compressed(cache, ramdisk.archive)),
              .init = TRY(compressed(cache, ramdisk.init)),
              .system = std::move(ramdisk.system),
              .manifest = {.identity = {.version = LINSTUB_VERSION,
                                        .xen = inputs.xen,
                                        .suite = inputs.suite,
                                        .ramdisk_unpacked = ramdisk.archive.size()},
                           .inputs = inputs.inputs,
                           .files = std::move(ramdisk.files)}};
  std::vector<Package> packages = TRY(linked_packages(contents));
  auto components = TRY(find_components(contents, {.root = "/",
                                                   .kernel = inputs.kernel,
                                                   .qemu = inputs.qemu,
                                                   .ramdisk = ramdisk.packages,
                                                   .linked = packages,
                                                   .linstub_version = LINSTUB_VERSION})
                            .transform_error(base::doing("find the image's licences")));
  image.manifest.components = std::move(components.list);
  image.copyrights = std::move(components.copyrights);
  packages.insert(packages.end(), ramdisk.packages.begin(), ramdisk.packages.end());
  for (const Package &package : packages)
    image.manifest.inputs.push_back(
        {.kind = "package", .name = package.name, .version = package.version});
  auto order = [](const Input &a) { return std::tie(a.kind, a.name, a.version, a.file); };
  std::ranges::sort(image.manifest.inputs, {}, order);
  const auto repeated = std::ranges::unique(image.manifest.inputs);
  image.manifest.inputs.erase(repeated.begin(), repeated.end());
  for (const ImageFile &file : image_files) {
    const std::string &content = image.*file.content;
    image.manifest.identity.*file.digest = digest_of(content);
    TRY(check_bound(file.name, content.size(), file.most));
  }
  return image;
}

base::Result<> write_image(const Image &image, const fs::path &output) {
  std::error_code error;
  fs::create_directories(output, error);
  if (error)
    return base::fail("make the image directory {}: {}", output.string(), error.message());
  // The manifest goes first and comes last: an image that is half written has none.
  fs::remove(output / manifest_name, error);
  for (const ImageFile &file : image_files)
    TRY(base::replace_file(output / file.name, image.*file.content));
  fs::remove_all(output / copyright_directory, error);
  fs::create_directory(output / copyright_directory, error);
  for (const auto &[component, text] : image.copyrights)
    TRY(base::replace_file(output / copyright_directory / component, text));
  return base::replace_file(output / manifest_name, manifest::to_json(image.manifest));
}

base::Result<> check_file(const fs::path &file, const Digest &expected) {
  const Digest found = TRY(digest_of_file(file));
  if (found.size != expected.size)
    return base::fail("{} has {} bytes, its manifest says {}", file.string(), found.size,
                      expected.size);
  if (found.sha256 != expected.sha256)
    return base::fail("{} is not the file of its manifest (SHA-256 {}, expected {})", file.string(),
                      found.sha256, expected.sha256);
  return {};
}

} // namespace

base::Result<Manifest> build_image(const BuildOptions &options) {
  auto cache = TRY(cache::Cache::open());
  const auto inputs = TRY(find_inputs(options, cache));
  TRY(check_locked(options.locked, inputs.inputs, Inputs::some));
  const auto parts = TRY(compiled_parts(cache, inputs, options));
  const auto image = TRY(assemble(cache, inputs, parts, options));
  TRY(check_locked(options.locked, image.manifest.inputs, Inputs::complete));
  TRY(write_image(image, options.output).transform_error(base::doing("write the image")));
  return image.manifest;
}

base::Result<Manifest> verify_image(const fs::path &directory) {
  auto manifest = TRY(manifest::read(directory / manifest_name));
  for (const ImageFile &file : image_files)
    TRY(check_file(directory / file.name, manifest.identity.*file.digest));
  for (const manifest::Component &component : manifest.components)
    TRY(check_file(directory / copyright_directory / component.name, component.copyright));
  return manifest;
}

base::Result<> reproduce_image(const BuildOptions &options, Reproduce extent) {
  const auto expected = TRY(verify_image(options.output));
  auto cache = TRY(cache::Cache::open());
  // A cache of its own, so that nothing is taken from the first build but downloaded sources.
  const TemporaryDirectory directory = TRY(TemporaryDirectory::make(cache.root()));
  auto fresh = TRY(cache::Cache::open(directory.path() / "other"));
  const auto inputs = TRY(find_inputs(options, cache));
  const auto parts =
      TRY(compiled_parts(extent == Reproduce::everything ? fresh : cache, inputs, options));
  const auto image = TRY(assemble(fresh, inputs, parts, options));
  if (image.manifest == expected)
    return {};
  std::vector<std::string> all;
  for (const ImageFile &file : image_files) {
    if (image.manifest.identity.*file.digest != expected.identity.*file.digest)
      all.push_back(base::format("the file \"{}\"", file.name));
  }
  for (const RamdiskFile &file : image.manifest.files) {
    if (!std::ranges::contains(expected.files, file))
      all.push_back(file.path);
  }
  for (const manifest::Component &component : image.manifest.components) {
    if (!std::ranges::contains(expected.components, component))
      all.push_back("licences of " + component.name);
  }
  std::ranges::move(differences(expected.inputs, image.manifest.inputs, Inputs::complete),
                    std::back_inserter(all));
  return base::fail("a second build is not the same as the image in {}; these differ: {}",
                    options.output.string(), base::join(all, "; "));
}

} // namespace linstub::image
