// SPDX-License-Identifier: MIT
#include "image/recipe.hpp"

#include "base/fd.hpp"
#include "base/process.hpp"

#include <sstream>

namespace linstub::image {

namespace {

constexpr auto query_limit = std::chrono::seconds(60);

// gcc's package that has the compiler itself ("gcc" is only a name for it).
base::Result<std::string> compiler_package() {
  std::string version =
      TRY(base::run_checked({.argv = {"gcc", "-dumpversion"}}, base::Deadline::after(query_limit))
              .transform_error(base::doing("ask gcc for its version")));
  return "gcc-" + version.substr(0, version.find_first_of(".\n"));
}

base::Result<std::vector<Package>> packages_with_compiler(std::vector<std::string> names,
                                                          std::string_view wanted_for) {
  names.push_back(TRY(compiler_package()));
  return installed_packages(names, wanted_for);
}

} // namespace

std::vector<Tool> build_tools() {
  return {{"gcc", "gcc"},
          {"make", "make"},
          {"bison", "bison"},
          {"flex", "flex"},
          {"bc", "bc"},
          {"perl", "perl"},
          {"python3", "python3"},
          {"strip", "binutils"},
          {"lz4", "lz4"},
          {"zstd", "zstd"},
          {"mkfs.erofs", "erofs-utils"},
          {"xz", "xz-utils"},
          {"tar", "tar"},
          {"dpkg-source", "dpkg-dev"},
          {"ninja", "ninja-build"},
          {"pkg-config", "pkgconf"},
          {"meson", "meson"}};
}

base::Result<std::vector<Package>> kernel_packages() {
  return packages_with_compiler({"binutils", "lz4", "zstd"}, "the kernel's build");
}

base::Result<std::vector<Package>> qemu_packages() {
  return packages_with_compiler({"binutils", "libc6-dev", "libglib2.0-dev", "libpixman-1-dev",
                                 "libseccomp-dev", "libxen-dev", "nettle-dev", "zlib1g-dev",
                                 "meson", "python3-venv"},
                                "QEMU's build");
}

base::Result<std::vector<Package>> ramdisk_packages() {
  return installed_packages({"erofs-utils"}, "the ramdisk");
}

std::vector<std::string> option_lines(std::string_view text) {
  std::vector<std::string> options;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && !line.starts_with('#'))
      options.push_back(line);
  }
  return options;
}

} // namespace linstub::image
