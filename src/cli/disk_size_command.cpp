// SPDX-License-Identifier: MIT
// linstub disk-size: how large the guest's disk in a qcow2 image may be.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "disk/disk_image.hpp"
#include "disk/disk_size.hpp"

#include <fcntl.h>

#include <cstdio>

namespace linstub::cli {
namespace {

using disk::size_text;

base::Result<> show(const std::string &path, const base::Fd &image) {
  const disk::ImageSize size = TRY(disk::size_of_image(image));
  std::printf("%s: its header says %s; ", path.c_str(), size_text(size.asked).c_str());
  if (size.recorded)
    std::printf("%s are on record.\n", size_text(*size.recorded).c_str());
  else
    std::puts("nothing is on record: its next use by a stub domain puts that there.");
  return {};
}

base::Result<> show_or_set(const std::string &path, const std::string &text) {
  const auto run = [&]() -> base::Result<> {
    const base::Fd image =
        TRY(base::open_file(path, (text.empty() ? O_RDONLY : O_RDWR) | O_NONBLOCK));
    if (!text.empty()) {
      const uint64_t bytes = TRY(disk::parse_size(text));
      TRY(disk::allow_size(image, bytes));
    }
    return show(path, image);
  };
  return run().transform_error(base::doing("disk image {}", path));
}

} // namespace

void add_disk_size_command(CLI::App &program) {
  auto *command = program.add_subcommand(
      "disk-size", "Show or say how large the disk in a qcow2 image may be, after qemu-img resize");
  auto path = std::make_shared<std::string>();
  auto size = std::make_shared<std::string>();
  command->add_option("image", *path, "The image, a file")->required();
  command->add_option("size", *size, "What you have given it, such as 20G");
  command->footer(
      "A guest can write the header of its qcow2 image, which says how large its disk is. So what\n"
      "the header says is put on record when a stub domain first has the image, and a header that\n"
      "says more later is refused. If you have resized the image, say here what to.");
  command->callback([path, size] { finish(show_or_set(*path, *size)); });
}

} // namespace linstub::cli
