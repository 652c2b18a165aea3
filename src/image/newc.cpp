// SPDX-License-Identifier: MIT
#include "image/newc.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <string_view>

namespace linstub::image {
namespace {

constexpr size_t alignment = 4;

uint32_t type_bits(NewcEntry::Kind kind) {
  switch (kind) {
  case NewcEntry::Kind::directory:
    return S_IFDIR;
  case NewcEntry::Kind::file:
    return S_IFREG;
  case NewcEntry::Kind::link:
    return S_IFLNK;
  }
  return 0;
}

void pad(std::string &archive) {
  archive.resize((archive.size() + alignment - 1) / alignment * alignment, '\0');
}

struct Header {
  uint32_t inode = 0;
  uint32_t mode = 0;
  uint32_t links = 1;
};

void append(std::string &archive, const Header &header, std::string_view name,
            std::string_view data) {
  constexpr uint32_t root = 0;
  constexpr uint32_t time = 0;
  constexpr uint32_t no_checksum = 0;
  constexpr uint32_t no_device = 0;
  archive += "070701";
  for (const uint32_t field : {header.inode, header.mode, root, root, header.links, time,
                               static_cast<uint32_t>(data.size()), no_device, no_device, no_device,
                               no_device, static_cast<uint32_t>(name.size() + 1), no_checksum})
    archive += base::format("{:08X}", field);
  archive.append(name).push_back('\0');
  pad(archive);
  archive.append(data);
  pad(archive);
}

base::Result<> check(const NewcEntry &entry, const std::set<std::string> &directories) {
  const std::filesystem::path path(entry.path);
  if (!path.is_absolute() || path.lexically_normal().string() != entry.path || !path.has_filename())
    return base::fail("ramdisk: \"{}\" is not a normal absolute path", entry.path);
  const std::string parent = path.parent_path();
  if (parent != "/" && !directories.contains(parent))
    return base::fail("ramdisk: {} is put into {}, which is not there", entry.path, parent);
  if (entry.data.size() > std::numeric_limits<uint32_t>::max())
    return base::fail("ramdisk: {} is larger than the format allows", entry.path);
  return {};
}

} // namespace

base::Result<std::string> write_newc(std::vector<NewcEntry> entries) {
  // Byte order of paths: a directory comes before what is in it, as the kernel needs it.
  std::ranges::sort(entries, {}, &NewcEntry::path);
  std::set<std::string> directories;
  const NewcEntry *previous = nullptr;
  for (const NewcEntry &entry : entries) {
    TRY(check(entry, directories));
    if (previous != nullptr && previous->path == entry.path)
      return base::fail("ramdisk: {} is there twice", entry.path);
    if (entry.kind == NewcEntry::Kind::directory)
      directories.insert(entry.path);
    previous = &entry;
  }

  std::string archive;
  uint32_t inode = 0;
  for (const NewcEntry &entry : entries) {
    constexpr uint32_t permission_bits = 07777;
    append(archive,
           {.inode = ++inode,
            .mode = type_bits(entry.kind) | (entry.permissions & permission_bits),
            .links = entry.kind == NewcEntry::Kind::directory ? 2U : 1U},
           std::string_view(entry.path).substr(1), entry.data);
  }
  append(archive, {.inode = 0}, "TRAILER!!!", {});
  return archive;
}

} // namespace linstub::image
