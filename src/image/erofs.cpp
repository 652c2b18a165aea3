// SPDX-License-Identifier: MIT
#include "image/erofs.hpp"

#include "base/process.hpp"

#include <array>
#include <span>

namespace linstub::image {
namespace {

constexpr auto limit = std::chrono::minutes(20); // 15 s on an idle CPU

constexpr std::array same_bytes{
    "-T0", "-U00000000-0000-0000-0000-000000000000", "--all-root", "--workers=1", "-x-1",
};
constexpr std::array packed{
    // What a page fault unpacks is at most one cluster, in a buffer of that size: small ones are
    // quick to read, large ones pack better (16 KiB: 5.69 MB, 32 KiB: 5.53, 64 KiB: 5.38). Level 19
    // saves one part in 120 more than 15, and takes three times as long. lz4hc makes
    // it 1.5 MB larger, for one instruction in 25 of a start.
    "-zzstd,level=15",
    "-C32768",
    "-Efragments,ztailpacking,force-inode-compact",
};
constexpr std::array plain{"-Eforce-inode-compact"};

std::vector<std::string> options_of(Packing packing) {
  std::vector<std::string> options{"--quiet"};
  for (const char *option : same_bytes)
    options.emplace_back(option);
  const std::span<const char *const> own =
      packing == Packing::zstd ? std::span<const char *const>(packed) : plain;
  for (const char *option : own)
    options.emplace_back(option);
  return options;
}

} // namespace

std::string erofs_options(Packing packing) { return base::join(options_of(packing), " "); }

base::Result<> make_erofs(const std::filesystem::path &directory, const std::filesystem::path &file,
                          Packing packing) {
  std::vector<std::string> argv = options_of(packing);
  argv.insert(argv.begin(), "mkfs.erofs");
  argv.push_back(file.string());
  argv.push_back(directory.string());
  TRY(base::run_checked({.argv = std::move(argv)}, base::Deadline::after(limit))
          .transform_error(base::doing("pack {}", directory.string())));
  return {};
}

} // namespace linstub::image
