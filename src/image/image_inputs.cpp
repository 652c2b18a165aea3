// SPDX-License-Identifier: MIT
#include "image/image_inputs.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"
#include "image/recipe.hpp"
#include "image/temporary.hpp"

#include <algorithm>
#include <sstream>

namespace linstub::image {
namespace fs = std::filesystem;

using manifest::digest_of_file;
using manifest::Input;

namespace {

constexpr size_t largest_small_file = 64 << 10;
constexpr const char *qemu_source = "qemu";
// Part of the keys: raise it when a recipe's code changes what comes out.
constexpr const char *recipe_version = "1";
// The package whose version is that of the Xen that the image is for.
constexpr const char *xen_package = "libxen-dev";
constexpr std::string_view kernel_prefix = "linux-source-";
constexpr std::string_view kernel_suffix = ".tar.xz";
constexpr const char *qemu_recipes[] = {"qemu/configure.options", "qemu/linstub.mak",
                                        "qemu/pkgconfig/gmp.pc", "qemu/pkgconfig/nettle.pc"};
constexpr const char *contents_recipe = "image/contents";

base::Result<std::string> first_word(const fs::path &file) {
  std::istringstream words(TRY(base::read_file(file, largest_small_file)));
  std::string word;
  if (!(words >> word))
    return base::fail("{} is empty", file.string());
  return word;
}

base::Result<> check_suite(const std::string &suite) {
  std::istringstream lines(TRY(base::read_file("/etc/os-release", largest_small_file)));
  constexpr std::string_view field = "VERSION_CODENAME=";
  std::string here = "unknown";
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field))
      here = line.substr(field.size());
  }
  if (here != suite)
    return base::fail("an image for Debian {} is built on Debian {}, and this is {}; "
                      "\"./dev build\" makes a root of it and builds there",
                      suite, suite, here);
  return {};
}

base::Result<Input> package_file(const Package &package, const fs::path &file) {
  return Input{.kind = "package",
               .name = package.name,
               .version = package.version,
               .file = file.filename(),
               .digest = TRY(digest_of_file(file))};
}

// The kernel's source: the one linux-source package that is installed.
base::Result<fs::path> find_kernel_source() {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator("/usr/src", error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kernel_prefix) && name.ends_with(kernel_suffix))
      found.push_back(entry.path());
  }
  if (found.empty())
    return base::fail("the kernel's source is not installed; install it with \"apt-get install "
                      "--no-install-recommends linux-source\"");
  if (found.size() > 1)
    return base::fail("several kernel sources are installed ({}, {}); remove all but one",
                      found[0].string(), found[1].string());
  return found.front();
}

// "linux-source-6.12" of ".../linux-source-6.12.tar.xz".
std::string package_of(const fs::path &tarball) {
  std::string name = tarball.filename();
  name.resize(name.size() - kernel_suffix.size());
  return name;
}

base::Result<SourcePackage> cached_source(const cache::Cache &cache, const std::string &version) {
  const fs::path entry =
      cache.find("qemu-source", cache::Key().add("name", qemu_source).add("version", version));
  if (entry.empty())
    return base::fail("not in the cache");
  return read_source(qemu_source, entry);
}

base::Result<SourcePackage> find_qemu_source(const BuildOptions &options, cache::Cache cache,
                                             const std::string &suite) {
  // Remembers which version the archive had when it was asked last.
  const fs::path current = cache.root() / base::format("qemu-source.{}", suite);
  std::string version;
  if (options.locked) {
    for (const Input &input : options.locked->inputs) {
      if (input.kind == "source" && input.name == qemu_source)
        version = input.version;
    }
    if (version.empty())
      return base::fail("the locked manifest names no source of QEMU");
  } else if (options.freshness == Freshness::use_cache) {
    version = first_word(current).value_or("");
  }
  if (!version.empty()) {
    if (auto source = cached_source(cache, version))
      return source;
  }
  const TemporaryDirectory scratch = TRY(TemporaryDirectory::make(cache.root()));
  const fs::path files = scratch.path() / "files";
  fs::create_directory(files);
  const auto fetched = TRY(fetch_source(suite, qemu_source, version, files, scratch.path() / "apt",
                                        cache.root() / "apt.log"));
  const auto key = cache::Key().add("name", qemu_source).add("version", fetched.version);
  const fs::path entry =
      TRY(cache.get("qemu-source", key, [&](const fs::path &directory) -> base::Result<> {
        for (const fs::path &file : fetched.files)
          fs::rename(file, directory / file.filename());
        return {};
      }));
  if (!options.locked)
    TRY(base::replace_file(current, fetched.version + "\n"));
  return read_source(qemu_source, entry);
}

void add_packages(cache::Key &key, std::vector<Input> &inputs,
                  const std::vector<Package> &packages) {
  for (const Package &package : packages) {
    key.add(package.name, package.version);
    inputs.push_back({.kind = "package", .name = package.name, .version = package.version});
  }
}

base::Result<Input> recipe_input(const fs::path &recipes, const std::string &name) {
  return Input{
      .kind = "recipe", .name = name, .file = name, .digest = TRY(digest_of_file(recipes / name))};
}

} // namespace

base::Result<std::string> xen_release(std::string_view package_version) {
  const size_t first = package_version.find('.');
  const size_t second =
      first == std::string_view::npos ? first : package_version.find_first_of(".+-~", first + 1);
  const std::string_view release = package_version.substr(0, second);
  if (first == std::string_view::npos || first == 0 || first + 1 == release.size() ||
      release.find_first_not_of("0123456789.") != std::string_view::npos)
    return base::fail("\"{}\" is not the version of a Xen package", package_version);
  return std::string(release);
}

base::Result<ImageInputs> find_inputs(const BuildOptions &options, const cache::Cache &cache) {
  ImageInputs found;
  found.suite = TRY(first_word(options.recipes / "suite"));
  TRY(check_suite(found.suite));
  const auto xen = TRY(installed_packages({xen_package}, "the image"));
  found.xen = TRY(xen_release(xen.front().version));

  found.tarball = TRY(find_kernel_source());
  found.kernel = TRY(installed_packages({package_of(found.tarball)}, "the kernel")).front();
  const Input tarball = TRY(package_file(found.kernel, found.tarball));
  const Input fragment = TRY(recipe_input(options.recipes, kernel_options_recipe));
  const Input layout = TRY(recipe_input(options.recipes, kernel_layout_recipe));
  found.inputs.insert(found.inputs.end(), {tarball, fragment, layout});
  found.kernel_key.add("recipe", recipe_version)
      .add("source", tarball.digest.sha256)
      .add("options", fragment.digest.sha256)
      .add("layout", layout.digest.sha256);
  add_packages(found.kernel_key, found.inputs, TRY(kernel_packages()));

  found.qemu = TRY(find_qemu_source(options, cache, found.suite));
  found.qemu_key.add("recipe", recipe_version).add("version", found.qemu.version);
  for (const fs::path &file : found.qemu.files) {
    found.inputs.push_back({.kind = "source",
                            .name = qemu_source,
                            .version = found.qemu.version,
                            .file = file.filename(),
                            .digest = TRY(digest_of_file(file))});
    found.qemu_key.add(file.filename().string(), found.inputs.back().digest.sha256);
  }
  for (const char *recipe : qemu_recipes) {
    found.inputs.push_back(TRY(recipe_input(options.recipes, recipe)));
    found.qemu_key.add(recipe, found.inputs.back().digest.sha256);
  }
  add_packages(found.qemu_key, found.inputs, TRY(qemu_packages()));

  found.inputs.push_back(TRY(recipe_input(options.recipes, contents_recipe)));
  found.system_key.add("recipe", recipe_version).add("contents", found.inputs.back().digest.sha256);
  add_packages(found.system_key, found.inputs, TRY(ramdisk_packages()));
  return found;
}

} // namespace linstub::image
