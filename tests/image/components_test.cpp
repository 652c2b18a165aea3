// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/components.hpp"
#include "image/temporary.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace linstub::image {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char *machine_readable =
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
    "\n"
    "Files: *\n"
    "Copyright: somebody\n"
    "License: GPL-2\n";

// A root with a few copyright files, and a source package.
class Workplace {
public:
  Workplace() {
    put("usr/share/doc/linux-source-6.12", machine_readable);
    put("usr/share/doc/zlib1g", "It may be used by everybody.\n");
    fs::create_directories(path() / "source/debian");
    EXPECT_TRUE(base::replace_file(path() / "source/debian/copyright", machine_readable));
    EXPECT_TRUE(
        base::run_checked({.argv = {"tar", "-cJf", archive(), "-C", path() / "source", "debian"}},
                          base::Deadline::after(std::chrono::seconds(30))));
  }

  [[nodiscard]] fs::path path() const { return directory_->path(); }
  [[nodiscard]] fs::path archive() const { return path() / "qemu_10.0.debian.tar.xz"; }

  [[nodiscard]] base::Result<Components> find(std::string_view contents,
                                              std::vector<Package> ramdisk) const {
    const auto lines = *parse_contents(contents);
    return find_components(lines,
                           {.root = path(),
                            .kernel = {"linux-source-6.12", "6.12.1"},
                            .qemu = {.name = "qemu", .version = "10.0", .files = {archive()}},
                            .ramdisk = std::move(ramdisk),
                            .linked = linked_packages(lines).value(),
                            .linstub_version = "0.1.0"});
  }

  void put(const std::string &directory, const std::string &text) const {
    fs::create_directories(path() / directory);
    EXPECT_TRUE(base::replace_file(path() / directory / "copyright", text));
  }

private:
  base::Result<TemporaryDirectory> directory_ = TemporaryDirectory::make(fs::temp_directory_path());
};

TEST(Components, EachHasItsLicencesOrItsCopyrightFileToRead) {
  const Workplace place;
  auto components = place.find("", {{"zlib1g", "1.3"}});
  ASSERT_TRUE(components) << components.error().message();
  const auto &list = components->list;
  ASSERT_EQ(list.size(), 4);
  EXPECT_EQ(list[0].name, "linstub");
  EXPECT_EQ(list[0].part, "/init");
  EXPECT_THAT(list[0].licences, ElementsAre("MIT"));
  EXPECT_EQ(list[1].name, "linux-source-6.12");
  EXPECT_EQ(list[1].part, "kernel");
  EXPECT_EQ(list[1].copyright, manifest::digest_of(machine_readable));
  EXPECT_THAT(list[1].licences, ElementsAre("GPL-2"));
  EXPECT_EQ(list[2].name, "qemu");
  EXPECT_THAT(list[2].licences, ElementsAre("GPL-2"));
  EXPECT_EQ(list[3].name, "zlib1g");
  EXPECT_EQ(list[3].version, "1.3");
  EXPECT_THAT(list[3].licences, IsEmpty());
  EXPECT_EQ(components->copyrights["zlib1g"], "It may be used by everybody.\n");
  EXPECT_THAT(components->copyrights["linstub"], HasSubstr("The Linstub authors"));
}

TEST(Components, WhatIsLinkedIntoAProgramIsOne) {
  const Workplace place;
  place.put("usr/share/doc/dpkg", machine_readable); // a package that every root has
  auto components = place.find("linked /init dpkg\n", {});
  ASSERT_TRUE(components) << components.error().message();
  ASSERT_EQ(components->list.front().name, "dpkg");
  EXPECT_EQ(components->list.front().part, "/init");
  EXPECT_FALSE(components->list.front().version.empty());
}

TEST(Components, APackageWithoutItsCopyrightFileIsAnError) {
  const Workplace place;
  auto missing = place.find("", {{"libnone", "1"}});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("libnone/copyright"));
  EXPECT_THAT(missing.error().message(), HasSubstr("path-include"));
  fs::remove(place.archive());
  EXPECT_THAT(place.find("", {}).error().message(), HasSubstr("debian.tar.xz"));
}

// The linker's own word on what is in linstub-init, against the table that the licences are from.
TEST(Components, TheTableNamesAllThatIsLinkedIntoLinstubInit) {
  auto map = base::read_file(LINSTUB_INIT_MAP, size_t{64} << 20);
  if (!map)
    GTEST_SKIP() << "no linstub-init is built here";
  std::set<std::string> files;
  std::istringstream lines(*map);
  for (std::string line; std::getline(lines, line);) { // "/usr/lib/.../libc.a(memcpy.o)"
    const size_t member = line.find(".a(");
    std::error_code error;
    if (line.starts_with("/usr/") && member != std::string::npos)
      files.insert(fs::canonical(line.substr(0, member + 2), error));
  }
  ASSERT_FALSE(files.empty());
  auto packages = owners({files.begin(), files.end()});
  ASSERT_TRUE(packages) << packages.error().message();
  std::set<std::string> linked;
  for (const auto &[file, package] : *packages)
    linked.insert(package.name);
  std::set<std::string> named;
  const auto contents = parse_contents(*base::read_file(LINSTUB_CONTENTS, 64 << 10));
  ASSERT_TRUE(contents) << contents.error().message();
  for (const ContentLine &line : *contents) {
    if (line.kind == ContentLine::Kind::linked && line.path == "/init")
      named.insert(line.source);
  }
  EXPECT_EQ(linked, named);
}

} // namespace
} // namespace linstub::image
