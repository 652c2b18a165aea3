// SPDX-License-Identifier: MIT
#include "image/elf.hpp"

#include <elf.h>

#include <cstring>
#include <optional>
#include <ranges>
#include <string_view>

namespace linstub::image {
namespace {

// More than any real file has; they bound the work that a forged one can cause.
constexpr size_t most_segments = 256;
constexpr size_t most_dynamic_entries = 4096;
constexpr size_t most_needed = 512;
constexpr size_t longest_string = 4096;

using Bytes = std::span<const std::byte>;

base::Result<Bytes> slice(Bytes file, uint64_t offset, uint64_t size, std::string_view what) {
  if (offset > file.size() || size > file.size() - offset)
    return base::fail("its {} lies outside of the file", what);
  return file.subspan(offset, size);
}

// A structure at an offset. Copied out: nothing in the file need be aligned.
template <class T>
base::Result<T> read(Bytes file, uint64_t offset, std::string_view what) {
  Bytes bytes = TRY(slice(file, offset, sizeof(T), what));
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

base::Result<std::string> string_at(Bytes table, uint64_t offset, std::string_view what) {
  if (offset >= table.size())
    return base::fail("its {} lies outside of the string table", what);
  Bytes rest = table.subspan(offset, std::min(table.size() - offset, longest_string));
  const auto *begin = reinterpret_cast<const char *>(rest.data());
  const void *end = std::memchr(begin, '\0', rest.size());
  if (end == nullptr)
    return base::fail("its {} does not end", what);
  return std::string(begin, static_cast<const char *>(end));
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  for (auto part : path | std::views::split(':')) {
    if (!part.empty())
      parts.emplace_back(std::string_view(part));
  }
  return parts;
}

base::Result<Elf64_Ehdr> read_header(Bytes file) {
  if (!is_elf(file))
    return base::fail("it is not an ELF file");
  if (file.size() < EI_NIDENT)
    return base::fail("it ends within the ELF header");
  if (std::to_integer<int>(file[EI_CLASS]) != ELFCLASS64)
    return base::fail("it is not a 64-bit ELF file");
  if (std::to_integer<int>(file[EI_DATA]) != ELFDATA2LSB)
    return base::fail("it is not a little-endian ELF file");
  auto header = TRY(read<Elf64_Ehdr>(file, 0, "ELF header"));
  if (header.e_machine != EM_X86_64)
    return base::fail("it is for another processor (machine {}), not for x86-64", header.e_machine);
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
    return base::fail("it is neither an executable nor a shared object (type {})", header.e_type);
  if (header.e_phnum > most_segments)
    return base::fail("it has {} segments", header.e_phnum);
  if (header.e_phnum != 0 && header.e_phentsize != sizeof(Elf64_Phdr))
    return base::fail("its program headers have {} bytes each", header.e_phentsize);
  return header;
}

struct Segments {
  std::vector<Elf64_Phdr> load;
  std::optional<Elf64_Phdr> dynamic;
  std::optional<Elf64_Phdr> interpreter;
};

base::Result<Segments> read_segments(Bytes file, const Elf64_Ehdr &header) {
  Segments segments;
  TRY(slice(file, header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), "program header table"));
  for (size_t i = 0; i < header.e_phnum; i++) {
    auto segment = TRY(
        read<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr), "program header table"));
    switch (segment.p_type) {
    case PT_LOAD:
      segments.load.push_back(segment);
      break;
    case PT_DYNAMIC:
      if (segments.dynamic)
        return base::fail("it has two dynamic sections");
      segments.dynamic = segment;
      break;
    case PT_INTERP:
      if (segments.interpreter)
        return base::fail("it has two interpreters");
      segments.interpreter = segment;
      break;
    default:
      break;
    }
  }
  return segments;
}

// The part of the file that is loaded at a virtual address.
base::Result<Bytes> at_address(Bytes file, const Segments &segments, uint64_t address,
                               uint64_t size, std::string_view what) {
  for (const Elf64_Phdr &segment : segments.load) {
    if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz) {
      uint64_t within = address - segment.p_vaddr;
      if (size > segment.p_filesz - within || segment.p_offset > file.size())
        return base::fail("its {} does not fit its segment", what);
      return slice(file, segment.p_offset + within, size, what);
    }
  }
  return base::fail("its {} is not in a segment", what);
}

struct Dynamic {
  std::vector<uint64_t> needed;
  std::optional<uint64_t> soname, rpath, runpath, strings, strings_size;
};

base::Result<Dynamic> read_dynamic(Bytes table) {
  Dynamic dynamic;
  const size_t count = table.size() / sizeof(Elf64_Dyn);
  for (size_t i = 0; i < count; i++) {
    if (i == most_dynamic_entries)
      return base::fail("its dynamic section has more than {} entries", most_dynamic_entries);
    auto entry = TRY(read<Elf64_Dyn>(table, i * sizeof(Elf64_Dyn), "dynamic section"));
    const uint64_t value = entry.d_un.d_val;
    switch (entry.d_tag) {
    case DT_NULL:
      return dynamic;
    case DT_NEEDED:
      if (dynamic.needed.size() == most_needed)
        return base::fail("it needs more than {} libraries", most_needed);
      dynamic.needed.push_back(value);
      break;
    case DT_SONAME:
      dynamic.soname = value;
      break;
    case DT_RPATH:
      dynamic.rpath = value;
      break;
    case DT_RUNPATH:
      dynamic.runpath = value;
      break;
    case DT_STRTAB:
      dynamic.strings = value;
      break;
    case DT_STRSZ:
      dynamic.strings_size = value;
      break;
    default:
      break;
    }
  }
  return base::fail("its dynamic section does not end");
}

} // namespace

bool is_elf(Bytes file) {
  return file.size() >= SELFMAG && std::memcmp(file.data(), ELFMAG, SELFMAG) == 0;
}

base::Result<ElfObject> parse_elf(Bytes file) {
  const auto header = TRY(read_header(file));
  const auto segments = TRY(read_segments(file, header));

  ElfObject object;
  if (segments.interpreter) {
    Bytes bytes = TRY(
        slice(file, segments.interpreter->p_offset, segments.interpreter->p_filesz, "interpreter"));
    object.interpreter = TRY(string_at(bytes, 0, "interpreter"));
  }
  if (!segments.dynamic)
    return object; // statically linked
  Bytes table =
      TRY(slice(file, segments.dynamic->p_offset, segments.dynamic->p_filesz, "dynamic section"));
  const auto dynamic = TRY(read_dynamic(table));

  Bytes strings;
  if (dynamic.strings)
    strings = TRY(at_address(file, segments, *dynamic.strings, dynamic.strings_size.value_or(0),
                             "string table"));
  for (const uint64_t name : dynamic.needed)
    object.needed.push_back(TRY(string_at(strings, name, "list of libraries")));
  if (dynamic.soname)
    object.soname = TRY(string_at(strings, *dynamic.soname, "name"));
  if (dynamic.rpath)
    object.rpath = split_path(TRY(string_at(strings, *dynamic.rpath, "RPATH")));
  if (dynamic.runpath)
    object.runpath = split_path(TRY(string_at(strings, *dynamic.runpath, "RUNPATH")));
  return object;
}

} // namespace linstub::image
