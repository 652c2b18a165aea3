// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "image/command_step.hpp"
#include "image/recipe.hpp"

#include <set>
#include <sstream>

namespace linstub::image {
namespace fs = std::filesystem;

namespace {

constexpr auto unpack_limit = std::chrono::minutes(10);
constexpr auto configure_limit = std::chrono::minutes(10);
constexpr auto compile_limit = std::chrono::minutes(60);
constexpr size_t largest_config = size_t{1} << 20;
constexpr size_t lines_of_make = 1715; // seen; only the progress line depends on it

constexpr std::string_view unset_prefix = "# CONFIG_";
constexpr std::string_view unset_suffix = " is not set";

// What the build says of itself in the kernel's banner, always the same.
std::vector<std::string> environment() {
  return {"LC_ALL=C",
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "HOME=/nonexistent",
          "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 2026",
          "KBUILD_BUILD_USER=linstub",
          "KBUILD_BUILD_HOST=linstub",
          "KBUILD_BUILD_VERSION=1"};
}

base::Result<> copy_result(const fs::path &from, const fs::path &to) {
  std::error_code error;
  fs::copy_file(from, to, error);
  if (error)
    return base::fail("copy {} to {}: {}", from.string(), to.string(), error.message());
  return {};
}

} // namespace

std::vector<std::string> missing_options(std::string_view fragment, std::string_view config) {
  std::set<std::string> lines;
  std::set<std::string> names; // of options that have a value
  std::istringstream input{std::string(config)};
  for (std::string line; std::getline(input, line);) {
    if (line.starts_with("CONFIG_"))
      names.insert(line.substr(0, line.find('=')));
    lines.insert(std::move(line));
  }
  std::vector<std::string> missing;
  std::istringstream wishes{std::string(fragment)};
  for (std::string line; std::getline(wishes, line);) {
    if (line.starts_with("CONFIG_")) {
      if (!lines.contains(line))
        missing.push_back(line);
    } else if (line.starts_with(unset_prefix) && line.ends_with(unset_suffix)) {
      const std::string name = line.substr(2, line.size() - 2 - unset_suffix.size());
      if (names.contains(name))
        missing.push_back(line);
    }
  }
  return missing;
}

base::Result<> build_kernel(const KernelRecipe &recipe, const Workshop &shop) {
  const fs::path source = shop.work / "linux";
  std::error_code error;
  fs::create_directories(source, error);
  auto step = [&](std::string what, std::vector<std::string> argv, base::Milliseconds limit,
                  ProgressReader progress = ProgressReader::none()) {
    return run_step(
        {.what = std::move(what),
         .command = {.argv = std::move(argv), .environment = environment(), .directory = source},
         .progress = progress,
         .log = shop.log,
         .limit = limit});
  };
  TRY(step("unpack the kernel's source",
           {"tar", "-xf", recipe.tarball, "--strip-components=1", "--no-same-owner"},
           unpack_limit));
  TRY(step("start from the smallest kernel", {"make", "tinyconfig"}, configure_limit));
  TRY(step("add the stub domain's options",
           {"scripts/kconfig/merge_config.sh", "-m", ".config", recipe.fragment}, configure_limit));
  TRY(step("complete the kernel's configuration", {"make", "olddefconfig"}, configure_limit));

  const std::string wishes = TRY(base::read_file(recipe.fragment, largest_config));
  const std::string config = TRY(base::read_file(source / ".config", largest_config));
  std::string missing;
  for (const std::string &option : missing_options(wishes, config))
    missing.append(missing.empty() ? " " : ", ").append(option);
  if (!missing.empty())
    return base::fail("this kernel source does not allow these options of {}:{}",
                      recipe.fragment.string(), missing);

  std::vector<std::string> make{"make", base::format("-j{}", shop.jobs), "bzImage"};
  if (!recipe.layout.empty())
    make.push_back(base::format("CPPFLAGS_vmlinux.lds=-include {}", recipe.layout.string()));
  TRY(step("compile the kernel", std::move(make), compile_limit,
           ProgressReader::kernel_make(lines_of_make)));
  TRY(copy_result(source / "arch/x86/boot/bzImage", shop.output / "kernel"));
  return copy_result(source / ".config", shop.output / "config");
}

} // namespace linstub::image
