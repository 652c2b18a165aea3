// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "image/command_step.hpp"
#include "image/recipe.hpp"

namespace linstub::image {
namespace fs = std::filesystem;

namespace {

constexpr auto configure_limit = std::chrono::minutes(10);
constexpr auto compile_limit = std::chrono::minutes(60);
constexpr auto short_limit = std::chrono::minutes(5);
constexpr size_t largest_options = 64 << 10;

constexpr const char *program = "qemu-system-i386";
constexpr const char *option_roms[] = {"linuxboot_dma.bin", "multiboot_dma.bin", "pvh.bin"};

// Sections that nothing refers to go; relocations are packed (DT_RELR), which saves 2 MB of a
// position-independent QEMU; no directory of the build is left in the result.
std::string compiler_flags(const fs::path &source, const fs::path &build) {
  return base::format("--extra-cflags=-O2 -ffunction-sections -fdata-sections "
                      "-ffile-prefix-map={}=. -ffile-prefix-map={}=.",
                      source.string(), build.string());
}
constexpr const char *linker_flags =
    "--extra-ldflags=-Wl,--gc-sections -Wl,--as-needed -Wl,-z,pack-relative-relocs "
    "-Wl,--build-id=none";

std::vector<std::string> environment(const fs::path &pkg_config) {
  return {"PKG_CONFIG_PATH=" + pkg_config.string(),
          "LC_ALL=C.UTF-8",
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "HOME=/nonexistent",
          "PYTHONDONTWRITEBYTECODE=1",
          "SOURCE_DATE_EPOCH=1767225600"};
}

base::Result<> copy_result(const fs::path &from, const fs::path &to) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive, error);
  if (error)
    return base::fail("copy {} to {}: {}", from.string(), to.string(), error.message());
  return {};
}

} // namespace

base::Result<> build_qemu(const SourcePackage &source, const fs::path &recipes,
                          const Workshop &shop) {
  const fs::path tree = shop.work / "qemu";
  const fs::path build = shop.work / "build";
  TRY(unpack_source(source, tree, shop.log));
  std::error_code error;
  fs::create_directories(build, error);
  // QEMU takes a list of devices only from this place. It is a new file: QEMU's own are not
  // touched.
  TRY(copy_result(recipes / "qemu/linstub.mak", tree / "configs/devices/i386-softmmu/linstub.mak"));

  auto step = [&](std::string what, const fs::path &directory, std::vector<std::string> argv,
                  base::Milliseconds limit, ProgressReader progress = ProgressReader::none()) {
    return run_step(
        {.what = std::move(what),
         .command = {.argv = std::move(argv),
                     .environment = environment(fs::absolute(recipes) / "qemu/pkgconfig"),
                     .directory = directory},
         .progress = progress,
         .log = shop.log,
         .limit = limit});
  };
  std::vector<std::string> configure{"../qemu/configure"};
  const std::string options =
      TRY(base::read_file(recipes / "qemu/configure.options", largest_options));
  for (std::string &option : option_lines(options))
    configure.push_back(std::move(option));
  configure.push_back(compiler_flags(tree, build));
  configure.emplace_back(linker_flags);
  TRY(step("configure QEMU", build, std::move(configure), configure_limit));
  TRY(step("compile QEMU", build, {"ninja", base::format("-j{}", shop.jobs), program},
           compile_limit, ProgressReader::ninja()));
  TRY(step(
      "strip QEMU", build,
      {"strip", "--strip-all", "--remove-section=.comment", "-o", shop.output / program, program},
      short_limit));

  // configure leaves these out where the compiler has no 32-bit libraries; they need none.
  const fs::path roms = build / "pc-bios/optionrom";
  TRY(base::replace_file(roms / "config.mak",
                         base::format("TOPSRC_DIR={}\nCC=gcc -m32\nOBJCOPY=objcopy\n"
                                      "PYTHON=python3\n",
                                      tree.string())));
  std::vector<std::string> make{"make"};
  make.insert(make.end(), std::begin(option_roms), std::end(option_roms));
  TRY(step("compile QEMU's option ROMs", roms, std::move(make), short_limit));
  for (const char *rom : option_roms)
    TRY(copy_result(roms / rom, shop.output / rom));

  TRY(copy_result(tree / "pc-bios/keymaps", shop.output / "keymaps"));
  fs::remove(shop.output / "keymaps/meson.build", error);
  return {};
}

} // namespace linstub::image
