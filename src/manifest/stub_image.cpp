// SPDX-License-Identifier: MIT
#include "manifest/stub_image.hpp"

#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>

namespace linstub::manifest {
namespace {

using base::fail;
using base::Result;

constexpr std::string_view advice = "build it with `linstub image build`, or name another one "
                                    "with image= in /etc/linstub/linstub.toml";

std::string path_of(const base::Fd &fd) {
  return base::format("/proc/{}/fd/{}", ::getpid(), fd.get());
}

struct Opened {
  base::Fd fd;
  uint64_t size = 0;
};

Result<Opened> open_part(const std::string &path, std::string_view what) {
  auto fd = base::open_file(path, O_RDONLY);
  if (!fd)
    return fail("the stub domain image has no {}: {}: {}", what, fd.error().message(), advice);
  struct stat status{};
  if (::fstat(fd->get(), &status) != 0)
    return base::fail_errno(errno, "look at {}", path);
  if (!S_ISREG(status.st_mode))
    return fail("{} is not a file: {}", path, advice);
  return Opened{.fd = std::move(*fd), .size = static_cast<uint64_t>(status.st_size)};
}

template <size_t size>
std::array<unsigned char, size> bytes_at(const base::Fd &fd, off_t offset) {
  std::array<unsigned char, size> bytes{};
  if (::pread(fd.get(), bytes.data(), size, offset) != static_cast<ssize_t>(size))
    bytes.fill(0); // shorter than that: no magic number will match
  return bytes;
}

// A Linux bzImage (Documentation/arch/x86/boot.rst: "HdrS" at 0x202), or an ELF file.
bool is_kernel(const base::Fd &fd) {
  constexpr std::array<unsigned char, 4> header{'H', 'd', 'r', 'S'};
  constexpr std::array<unsigned char, 4> elf{0x7f, 'E', 'L', 'F'};
  return bytes_at<4>(fd, 0x202) == header || bytes_at<4>(fd, 0) == elf;
}

bool is_zstd(const base::Fd &fd) {
  constexpr std::array<unsigned char, 4> magic{0x28, 0xb5, 0x2f, 0xfd}; // RFC 8878
  return bytes_at<4>(fd, 0) == magic;
}

// In Linux' fs/erofs/erofs_fs.h: the superblock, and what it begins with.
bool is_erofs(const base::Fd &fd) {
  constexpr std::array<unsigned char, 4> magic{0xe2, 0xe1, 0xf5, 0xe0};
  return bytes_at<4>(fd, 1024) == magic;
}

Result<> check_size(const std::string &path, uint64_t size, uint64_t expected) {
  if (size == expected)
    return {};
  return fail("{} has {} bytes, and {} according to its manifest: it is {}; {}", path, size,
              expected, size < expected ? "truncated" : "another one", advice);
}

// A part of the image: what it is, as errors name it, and how that is seen.
struct Part {
  const char *file;
  const char *what;
  bool (*is)(const base::Fd &fd);
  Digest Identity::*digest;
  base::Fd Image::*place;
};
constexpr std::array parts{
    Part{"kernel", "a Linux kernel", is_kernel, &Identity::kernel, &Image::kernel_file},
    Part{"ramdisk", "a zstd-compressed ramdisk", is_zstd, &Identity::ramdisk, &Image::ramdisk_file},
    Part{"init", "a zstd-compressed ramdisk", is_zstd, &Identity::init, &Image::init_file},
    Part{"system", "an EROFS file system", is_erofs, &Identity::system, &Image::system_file},
};

} // namespace

std::string Image::kernel() const { return path_of(kernel_file); }
std::string Image::ramdisk() const { return path_of(ramdisk_file); }
std::string Image::init() const { return path_of(init_file); }
std::string Image::system() const { return path_of(system_file); }

Result<Image> check_image(const std::string &directory, const std::string &xen) {
  Image image;
  image.directory = directory;
  if (::access(directory.c_str(), X_OK) != 0)
    return fail("there is no stub domain image in {} ({}): {}", directory, base::errno_text(errno),
                advice);
  const std::string path = directory + "/manifest.json";
  TRY(open_part(path, "manifest"));
  image.identity = TRY(read_identity(path));
  if (image.identity.xen != xen)
    return fail(
        "the stub domain image in {} was built for Xen {}, and this host runs Xen {}: build "
        "one for this release, or name another one with image= in "
        "/etc/linstub/linstub.toml",
        directory, image.identity.xen, xen);
  for (const Part &part : parts) {
    const std::string file = base::format("{}/{}", directory, part.file);
    Opened opened = TRY(open_part(file, part.file));
    if (!part.is(opened.fd))
      return fail("{} is not {}: {}", file, part.what, advice);
    TRY(check_size(file, opened.size, (image.identity.*part.digest).size));
    image.*part.place = std::move(opened.fd);
  }
  return image;
}

} // namespace linstub::manifest
