// SPDX-License-Identifier: MIT
// What others have made to boot on a PC, from Debian's packages (in the build root, or got by apt
// for a scenario), boots to a screen that is known: read out of the emulated VGA's memory, in text
// mode.
#include "scenario.hpp"

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;

constexpr auto create_limit = seconds(120);
constexpr auto boot_limit = seconds(300);
constexpr auto copy_limit = seconds(240);
constexpr auto fetch_limit = seconds(400);
constexpr auto installer_limit = seconds(600);

class ForeignMedia : public Scenario {
protected:
  void insert(const std::filesystem::path &image) {
    auto put = host().put(image, medium, copy_limit);
    ASSERT_TRUE(put) << why(put);
    auto guest = GuestRun::create(
        host(), {.name = "t-media", .disk = "", .cdrom = medium, .extra = {"vif = [ ]"}},
        create_limit);
    ASSERT_TRUE(guest) << why(guest);
  }

  bool shows(const std::string &words) { return Scenario::shows("t-media", words, boot_limit); }
  std::string screen() { return Scenario::screen("t-media"); }

  static constexpr const char *medium = "/run/lab-t-media.iso";
};

// What of a package's files is wanted, in a directory that goes with the object.
class Unpacked {
public:
  Unpacked(const std::string &package, const std::string &files)
      : directory_(::testing::TempDir() + "lab-" + package) {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    auto done = base::run_checked(
        {.argv = {"sh", "-ec",
                  base::format("apt-get update -qq; apt-get download -qq {}; "
                               "dpkg-deb --fsys-tarfile *.deb | tar -x --wildcards {}; rm *.deb",
                               package, files)},
         .directory = directory_},
        base::Deadline::after(fetch_limit));
    EXPECT_TRUE(done) << why(done);
  }
  Unpacked(const Unpacked &) = delete;
  Unpacked &operator=(const Unpacked &) = delete;
  ~Unpacked() { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path(const std::string &file) const { return directory_ + "/" + file; }

private:
  std::string directory_;
};

TEST_F(ForeignMedia, GrubsRescueCdBootsToItsPrompt) {
  ONLY_WHEN_THOROUGH();
  const std::string image = ::testing::TempDir() + "rescue.iso";
  auto made = base::run_checked({.argv = {"grub-mkrescue", "-o", image}},
                                base::Deadline::after(seconds(120)));
  ASSERT_TRUE(made) << why(made);
  insert(image);
  std::filesystem::remove(image);
  EXPECT_TRUE(shows("grub>")) << screen();
}

TEST_F(ForeignMedia, MemtestBegins) {
  ONLY_WHEN_THOROUGH();
  insert("/usr/lib/memtest86+/memtest86+x64.iso");
  EXPECT_TRUE(shows("Memtest86+")) << screen();
}

TEST_F(ForeignMedia, IpxeBegins) {
  ONLY_WHEN_THOROUGH();
  insert("/usr/lib/ipxe/ipxe.iso");
  EXPECT_TRUE(shows("iPXE")) << screen();
}

// As its network boot has it: kernel and initrd, to the first question that it asks.
TEST_F(ForeignMedia, DebiansInstallerAsksForALanguage) {
  ONLY_WHEN_THOROUGH();
  {
    const Unpacked installer("debian-installer-13-netboot-amd64",
                             "'*/text/debian-installer/amd64/linux' "
                             "'*/text/debian-installer/amd64/initrd.gz'");
    const std::string images =
        installer.path("usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64/");
    for (const char *file : {"linux", "initrd.gz"}) {
      auto put = host().put(images + file, base::format("/run/lab-t-media.{}", file), copy_limit);
      ASSERT_TRUE(put) << why(put);
    }
  }
  auto guest = GuestRun::create(
      host(),
      {.name = "t-media",
       .disk = "",
       .memory = 900,
       .extra = {"vif = [ ]", "kernel = \"/run/lab-t-media.linux\"",
                 "ramdisk = \"/run/lab-t-media.initrd.gz\"",
                 "cmdline = \"nomodeset no-scroll quiet vga=normal fb=false priority=high\""}},
      create_limit);
  ASSERT_TRUE(guest) << why(guest);
  EXPECT_TRUE(Scenario::shows("t-media", "language", installer_limit)) << screen();
  dom0("xl destroy t-media; rm -f /run/lab-t-media.*");
}

// A CD of SYSLINUX with the tool that looks at all that a PC's firmware says of it.
TEST_F(ForeignMedia, SyslinuxLooksAtTheHardware) {
  ONLY_WHEN_THOROUGH();
  const std::string image = ::testing::TempDir() + "hdt.iso";
  {
    const Unpacked loader("isolinux", "'*/isolinux.bin'");
    const Unpacked modules("syslinux-common", "'*/modules/bios/*.c32'");
    auto made = base::run_checked(
        {.argv = {"sh", "-ec",
                  base::format(
                      "mkdir cd; cp {} {}/*.c32 cd; echo DEFAULT hdt.c32 >cd/isolinux.cfg; "
                      "xorriso -as mkisofs -quiet -o {} -b isolinux.bin -c boot.cat "
                      "-no-emul-boot -boot-load-size 4 -boot-info-table cd",
                      loader.path("usr/lib/ISOLINUX/isolinux.bin"),
                      modules.path("usr/lib/syslinux/modules/bios"), image)},
         .directory = loader.path("")},
        base::Deadline::after(seconds(120)));
    ASSERT_TRUE(made) << why(made);
  }
  insert(image);
  std::filesystem::remove(image);
  EXPECT_TRUE(shows("PCI Devices")) << screen();
}

// Debian's OVMF, to its shell, which is asked about a disk with a FAT file system. OVMF keeps its
// variables there, in a file; nothing of them is with the device model. (With vga="stdvga" it stops
// in both places: Xen does not let QEMU move the card's memory to where OVMF wants it.)
class Uefi : public Scenario, public ::testing::WithParamInterface<DeviceModel> {
protected:
  void prepare() {
    dom0("mkdir -p /usr/share/ovmf");
    auto put = host().put("/usr/share/ovmf/OVMF.fd", "/usr/share/ovmf/OVMF.fd", copy_limit);
    ASSERT_TRUE(put) << why(put);
    const std::string image = ::testing::TempDir() + "fat.img";
    std::filesystem::remove(image);
    auto made = base::run_checked({.argv = {"mkfs.vfat", "-C", image, "33000"}},
                                  base::Deadline::after(seconds(60)));
    ASSERT_TRUE(made) << why(made);
    put = host().put(image, disk, copy_limit);
    ASSERT_TRUE(put) << why(put);
    std::filesystem::remove(image);
  }
  // What the shell answers to what is typed at its prompt.
  std::string ask(GuestRun &guest, const std::string &command, const std::string &answer) {
    dom0(base::format("printf '%s\\r' {} >$(xenstore-read "
                      "/local/domain/$(xl domid t-uefi)/serial/0/tty)",
                      quote(command)));
    return wait_for(guest, answer);
  }
  std::string wait_for(GuestRun &guest, const std::string &words) {
    const auto deadline = base::Deadline::after(boot_limit);
    std::string said;
    do {
      said = guest.said().value_or("");
    } while (!said.contains(words) && !deadline.passed());
    return said;
  }

  static constexpr const char *disk = "/run/lab-t-uefi.img";
};

TEST_P(Uefi, BootsToItsShellSeesItsDiskAndKeepsItsVariables) {
  ONLY_WHEN_THOROUGH();
  constexpr const char *variable = "setvar linstub -guid 11111111-2222-3333-4444-555555555555";
  ASSERT_NO_FATAL_FAILURE(prepare());
  const GuestConfig config{.name = "t-uefi",
                           .device_model = GetParam(),
                           .disk = disk,
                           .memory = 256,
                           .extra = {"bios = \"ovmf\"", "vga = \"cirrus\"", "vif = [ ]"}};
  auto guest = GuestRun::create(host(), config, create_limit);
  ASSERT_TRUE(guest) << why(guest);
  ASSERT_THAT(wait_for(*guest, "Shell>"), HasSubstr("Shell>"));
  EXPECT_THAT(ask(*guest, "map", "Ata(0x0)"), AllOf(HasSubstr("FS0:"), HasSubstr("Ata(0x0)")));
  ask(*guest, base::format("{} -bs -nv =0badcafe", variable), "Shell>");
  EXPECT_THAT(ask(*guest, "ls fs0:", "NvVars"), HasSubstr("NvVars"));

  dom0("xl destroy t-uefi");
  guest = GuestRun::create(host(), config, create_limit);
  ASSERT_TRUE(guest) << why(guest);
  ASSERT_THAT(wait_for(*guest, "Shell>"), HasSubstr("Shell>"));
  EXPECT_THAT(ask(*guest, variable, "0B AD CA FE"), HasSubstr("0B AD CA FE"));
}

INSTANTIATE_TEST_SUITE_P(Under, Uefi, ::testing::Values(DeviceModel::linstub, DeviceModel::dom0),
                         name_by_device_model);

} // namespace
} // namespace linstub::lab
