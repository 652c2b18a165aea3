// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "base/process.hpp"
#include "image/erofs.hpp"
#include "image/image_build.hpp"
#include "image/ramdisk.hpp"
#include "image/temporary.hpp"
#include "image/zstd.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace linstub::image {
namespace {

namespace fs = std::filesystem;
using manifest::digest_of;
using manifest::Manifest;
using manifest::RamdiskFile;
using ::testing::HasSubstr;

// A ramdisk made of this root's own programs, in a directory of its own.
class Workplace {
public:
  Workplace() {
    fs::create_directories(path() / "qemu/keymaps");
    fs::create_directory(path() / "scratch");
    fs::copy_file("/bin/true", path() / "qemu/program");
    fs::copy_file("/bin/cat", path() / "init");
    EXPECT_TRUE(base::replace_file(path() / "qemu/keymaps/en-us", "a 0x1e\n"));
    EXPECT_TRUE(base::replace_file(path() / "qemu/keymaps/de", "z 0x15\n"));
  }

  [[nodiscard]] fs::path path() const { return directory_->path(); }

  [[nodiscard]] base::Result<Ramdisk> make(std::string_view table) const {
    return make_ramdisk(*parse_contents(table),
                        {.root = "/",
                         .qemu = path() / "qemu",
                         .init = path() / "init",
                         .scratch = path() / "scratch",
                         .qemu_version = "10.0",
                         .linstub_version = "0.1.0",
                         .owners = owners,
                         .pack = [&](const fs::path &directory, Packing packing) {
                           return pack(directory, packing);
                         }});
  }

private:
  [[nodiscard]] base::Result<std::string> pack(const fs::path &directory, Packing packing) const {
    const fs::path file = path() / "system.erofs";
    TRY(make_erofs(directory, file, packing));
    return base::read_file(file, size_t{64} << 20);
  }

  base::Result<TemporaryDirectory> directory_ = TemporaryDirectory::make(fs::temp_directory_path());
};

constexpr std::string_view table = "program /init init:\n"
                                   "program /usr/bin/q qemu:program\n"
                                   "tree /usr/share/keymaps qemu:keymaps\n"
                                   "directory /proc\n";

TEST(Ramdisk, HoldsProgramsTheirLibrariesAndWhereEachComesFrom) {
  const Workplace place;
  auto ramdisk = place.make(table);
  ASSERT_TRUE(ramdisk) << ramdisk.error().message();
  auto origin_of = [&](std::string_view path) -> std::string {
    auto file = std::ranges::find(ramdisk->files, path, &RamdiskFile::path);
    return file == ramdisk->files.end() ? "absent" : file->origin;
  };
  EXPECT_EQ(origin_of("/init"), "linstub");
  EXPECT_EQ(origin_of("/usr/bin/q"), "qemu");
  EXPECT_EQ(origin_of("/usr/share/keymaps/de"), "qemu");
  EXPECT_EQ(origin_of("/lib/x86_64-linux-gnu/libc.so.6"), "libc6");
  EXPECT_EQ(origin_of("/lib64/ld-linux-x86-64.so.2"), "libc6");
  EXPECT_TRUE(std::ranges::is_sorted(ramdisk->files, {}, &RamdiskFile::path));
  ASSERT_FALSE(ramdisk->packages.empty());
  EXPECT_EQ(ramdisk->packages.front().name, "libc6");
}

TEST(Ramdisk, HasInitItselfAndAllElseInAFileSystemOfItsOwn) {
  const Workplace place;
  const auto ramdisk = place.make(table);
  ASSERT_TRUE(ramdisk) << ramdisk.error().message();
  auto output = [&](std::vector<std::string> argv, std::string_view input = {}) {
    const auto limit = base::Deadline::after(std::chrono::minutes(1));
    const auto said = base::run_checked({.argv = std::move(argv)}, limit, input);
    return said ? *said : "failed: " + said.error().message();
  };
  EXPECT_EQ(output({"cpio", "--quiet", "-t"}, ramdisk->archive), "init\nsystem.erofs\n");
  EXPECT_EQ(output({"cpio", "--quiet", "-t"}, ramdisk->init), "init\n");
  const std::string packed =
      output({"cpio", "--quiet", "-i", "--to-stdout", "system.erofs"}, ramdisk->archive);
  EXPECT_LT(packed.size(), ramdisk->system.size());
  for (const std::string &content : {packed, ramdisk->system}) {
    const fs::path file = place.path() / "system.erofs";
    const fs::path tree = place.path() / "extracted";
    fs::remove_all(tree);
    ASSERT_TRUE(base::replace_file(file, content));
    EXPECT_EQ(output({"fsck.erofs", "--extract=" + tree.string(), "--preserve-perms", file})
                  .contains("failed"),
              false);
    EXPECT_EQ(base::read_file(tree / "usr/share/keymaps/de", 100).value_or(""), "z 0x15\n");
    EXPECT_TRUE(fs::is_directory(tree / "proc"));
    EXPECT_FALSE(fs::exists(tree / "init"));
    EXPECT_EQ(output({"stat", "-c", "%a", tree / "usr/bin/q", tree / "usr/share/keymaps/de", tree}),
              "755\n644\n755\n");
  }
}

TEST(Ramdisk, HasNotGotWhatIsForTheDiskAlone) {
  const Workplace place;
  const auto ramdisk =
      place.make(std::string(table) + "program /usr/bin/xz root:/usr/bin/xz disk\n");
  ASSERT_TRUE(ramdisk) << ramdisk.error().message();
  const Workplace other;
  const auto without = other.make(table);
  ASSERT_TRUE(without);
  EXPECT_EQ(ramdisk->archive, without->archive);
  EXPECT_GT(ramdisk->system.size(), without->system.size() + (size_t{200} << 10)) << "and liblzma";
  for (const char *path : {"/usr/bin/xz", "/lib/x86_64-linux-gnu/liblzma.so.5"})
    EXPECT_TRUE(std::ranges::contains(ramdisk->files, path, &RamdiskFile::path)) << path;
  EXPECT_TRUE(std::ranges::is_sorted(ramdisk->files, {}, &RamdiskFile::path));
}

TEST(Ramdisk, IsTheSameWhenBuiltTwiceInDifferentDirectories) {
  const Workplace here;
  const Workplace there;
  auto first = here.make(table);
  auto second = there.make(table);
  ASSERT_TRUE(first) << first.error().message();
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(first->archive, second->archive);
  EXPECT_EQ(*compress(first->archive), *compress(second->archive));
  EXPECT_EQ(first->files, second->files);
}

TEST(Ramdisk, SaysWhichEntryCannotBeMade) {
  const Workplace place;
  auto error_of = [&](std::string_view line) {
    auto ramdisk = place.make(line);
    return ramdisk ? "" : ramdisk.error().message();
  };
  EXPECT_THAT(error_of("file /rom root:/no/such.rom\n"), HasSubstr("/no/such.rom"));
  EXPECT_THAT(error_of("program /x qemu:missing\n"), HasSubstr("ramdisk: /x: "));
  EXPECT_THAT(error_of("tree /x qemu:none\n"), HasSubstr("ramdisk: /x: no files in"));
  EXPECT_THAT(error_of("library libnone.so.1\n"), HasSubstr("the image needs libnone.so.1"));
  EXPECT_THAT(error_of("file /x root:/etc/hostname\n"), HasSubstr("/etc/hostname"));
}

TEST(Image, IsCheckedAgainstItsManifest) {
  const auto directory = TemporaryDirectory::make(fs::temp_directory_path());
  const fs::path path = directory->path();
  EXPECT_THAT(verify_image(path).error().message(), HasSubstr("manifest.json"));
  const Manifest manifest{
      .identity = {.version = "0.1.0",
                   .xen = "4.20",
                   .suite = "trixie",
                   .kernel = digest_of("kernel"),
                   .ramdisk = digest_of("ramdisk"),
                   .ramdisk_unpacked = 0,
                   .init = digest_of("init"),
                   .system = digest_of("system")},
      .components = {
          {.name = "linstub", .version = "0.1.0", .part = "/init", .copyright = digest_of("MIT")}}};
  ASSERT_TRUE(base::replace_file(path / "manifest.json", manifest::to_json(manifest)));
  ASSERT_TRUE(base::replace_file(path / "kernel", "kernel"));
  ASSERT_TRUE(base::replace_file(path / "ramdisk", "ramd"));
  EXPECT_THAT(verify_image(path).error().message(), HasSubstr("has 4 bytes, its manifest says 7"));
  ASSERT_TRUE(base::replace_file(path / "ramdisk", "ramdisc"));
  EXPECT_THAT(verify_image(path).error().message(), HasSubstr("is not the file of its manifest"));
  ASSERT_TRUE(base::replace_file(path / "ramdisk", "ramdisk"));
  ASSERT_TRUE(base::replace_file(path / "init", "init"));
  ASSERT_TRUE(base::replace_file(path / "system", "sys"));
  EXPECT_THAT(verify_image(path).error().message(), HasSubstr("system has 3 bytes"));
  ASSERT_TRUE(base::replace_file(path / "system", "system"));
  fs::create_directory(path / "copyright");
  ASSERT_TRUE(base::replace_file(path / "copyright/linstub", "BSD"));
  EXPECT_THAT(verify_image(path).error().message(), HasSubstr("copyright/linstub is not the file"));
  ASSERT_TRUE(base::replace_file(path / "copyright/linstub", "MIT"));
  EXPECT_TRUE(verify_image(path));
}

} // namespace
} // namespace linstub::image
