// SPDX-License-Identifier: MIT
// Small ELF files for tests: just enough of a dynamic section to be read.
#pragma once

#include <elf.h>

#include <cstring>
#include <string>
#include <vector>

namespace linstub::image::testing {

struct ElfParts {
  std::string interpreter;
  std::string soname;
  std::vector<std::string> needed;
  std::string rpath;
  std::string runpath;
  uint16_t machine = EM_X86_64;
  uint16_t type = ET_DYN;
  unsigned char elf_class = ELFCLASS64;
  bool is_static = false;
};

inline std::string build_elf(const ElfParts &parts) {
  std::string strings(1, '\0');
  auto intern = [&](const std::string &text) {
    const uint64_t at = strings.size();
    strings += text + '\0';
    return at;
  };
  std::vector<Elf64_Dyn> dynamic;
  auto add = [&](int64_t tag, uint64_t value) {
    Elf64_Dyn entry{};
    entry.d_tag = tag;
    entry.d_un.d_val = value;
    dynamic.push_back(entry);
  };
  for (const std::string &name : parts.needed)
    add(DT_NEEDED, intern(name));
  if (!parts.soname.empty())
    add(DT_SONAME, intern(parts.soname));
  if (!parts.rpath.empty())
    add(DT_RPATH, intern(parts.rpath));
  if (!parts.runpath.empty())
    add(DT_RUNPATH, intern(parts.runpath));

  constexpr uint64_t segments = 3;
  constexpr uint64_t base = 0x1000;
  const uint64_t strings_at = sizeof(Elf64_Ehdr) + segments * sizeof(Elf64_Phdr);
  add(DT_STRTAB, base + strings_at);
  add(DT_STRSZ, strings.size());
  add(DT_NULL, 0);
  const uint64_t dynamic_at = strings_at + strings.size();
  const uint64_t interpreter_at = dynamic_at + dynamic.size() * sizeof(Elf64_Dyn);
  const uint64_t size = interpreter_at + parts.interpreter.size() + 1;

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = parts.elf_class;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = parts.type;
  header.e_machine = parts.machine;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = segments;

  Elf64_Phdr load{.p_type = PT_LOAD, .p_vaddr = base, .p_filesz = size, .p_memsz = size};
  Elf64_Phdr dyn{.p_type = static_cast<Elf64_Word>(parts.is_static ? PT_NULL : PT_DYNAMIC),
                 .p_offset = dynamic_at,
                 .p_filesz = dynamic.size() * sizeof(Elf64_Dyn)};
  Elf64_Phdr interpreter{
      .p_type = static_cast<Elf64_Word>(parts.interpreter.empty() ? PT_NULL : PT_INTERP),
      .p_offset = interpreter_at,
      .p_filesz = parts.interpreter.size() + 1};
  std::string file;
  auto append = [&file](const auto &value) {
    file.append(reinterpret_cast<const char *>(&value), sizeof(value));
  };
  append(header);
  append(load);
  append(dyn);
  append(interpreter);
  file += strings;
  for (const Elf64_Dyn &entry : dynamic)
    append(entry);
  file += parts.interpreter + '\0';
  return file;
}

} // namespace linstub::image::testing
