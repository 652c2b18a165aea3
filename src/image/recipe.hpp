// SPDX-License-Identifier: MIT
// How the two big parts of the image are compiled. Both work in any directory and give the same
// bytes in each.
#pragma once

#include "base/result.hpp"
#include "image/apt.hpp"
#include "image/packages.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace linstub::image {

// Where a recipe works and what it leaves.
struct Workshop {
  std::filesystem::path work;   // empty, on a disk with room; the caller removes it
  std::filesystem::path output; // empty; the results go here
  std::filesystem::path log;    // outside of both: it outlives a failure
  unsigned jobs = 1;
};

// Room that a recipe takes in its work directory, in bytes.
constexpr uint64_t kernel_work_size = uint64_t{3} << 30;
constexpr uint64_t qemu_work_size = uint64_t{2} << 30;

// Programs and packages that the recipes need. What comes out depends on these packages, so their
// versions are among the image's inputs.
std::vector<Tool> build_tools();
base::Result<std::vector<Package>> kernel_packages();
base::Result<std::vector<Package>> qemu_packages();
base::Result<std::vector<Package>> ramdisk_packages();

struct KernelRecipe {
  std::filesystem::path tarball;  // of linux-source
  std::filesystem::path fragment; // the options that are set over tinyconfig
  std::filesystem::path layout;   // a header for its linker script; empty: none
};

// Leaves "kernel" (a bzImage) and "config". An option of the fragment that the source does not
// know, or that its dependencies do not allow, is an error.
base::Result<> build_kernel(const KernelRecipe &recipe, const Workshop &shop);

// QEMU from Debian's source package with the options and device list below `recipes`. Leaves
// "qemu-system-i386" (stripped), option ROMs for direct kernel boot (*.bin) and "keymaps/".
base::Result<> build_qemu(const SourcePackage &source, const std::filesystem::path &recipes,
                          const Workshop &shop);

// The options of a fragment that the final configuration does not have.
std::vector<std::string> missing_options(std::string_view fragment, std::string_view config);

// The lines of a file of options, without comments and empty lines.
std::vector<std::string> option_lines(std::string_view text);

} // namespace linstub::image
