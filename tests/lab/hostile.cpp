// SPDX-License-Identifier: MIT
#include "hostile.hpp"

#include "base/fd.hpp"
#include "image/newc.hpp"
#include "image/zstd.hpp"
#include "manifest/manifest.hpp"

#include <cstdio>
#include <sstream>

namespace linstub::lab {

using std::chrono::seconds;

namespace {

constexpr const char *good_image = "/usr/lib/linstub/image";
constexpr const char *hostile_image = "/run/lab-hostile";
constexpr size_t largest_program = size_t{32} << 20;

constexpr auto create_limit = seconds(200);
constexpr auto command_limit = seconds(120);

// The bounds, in KiB.
constexpr int64_t most_memory = 16 << 10; // that linstub-dm grows by
constexpr int64_t most_run = 80 << 10;    // a state disk, and a little
constexpr int64_t most_disk = 16 << 10;
constexpr int64_t most_host_memory = 128 << 10;

// In ms. What is promised for hardware, and how many times slower the lab may be.
constexpr double longest_turn = 100;
constexpr double slowness = 20;

// `xl destroy` of a guest whose stub domain is well takes the lab some 10 s.
constexpr auto destroy_limit = seconds(60);

// For the shell in dom0.
constexpr const char *look = R"(
ps -eo rss=,comm= | awk '$2 ~ /^linstub/ { s += $1 } END { print s + 0 }'
cat /var/log/xen/qemu-dm-t-bad.log* 2>/dev/null | wc -c | awk '{ print int(($1 + 1023) / 1024) }'
df --output=used -k /run | tail -n 1
df --output=used -k / | tail -n 1
awk '/^MemAvailable:/ { print $2 }' /proc/meminfo
linstub status --json | python3 -c '
import json, sys
for guest in json.load(sys.stdin):
    if guest["guest"] == "t-bad":
        print(guest["longest-turn-cpu-ms"], guest["longest-turn-ms"])
        sys.exit()
print(0, 0)'
)";

base::Result<std::string> make_ramdisk(std::string program, size_t &unpacked) {
  using Kind = image::NewcEntry::Kind;
  std::vector<image::NewcEntry> entries;
  for (const char *directory : {"/dev", "/proc", "/sys", "/run", "/tmp"})
    entries.push_back({.path = directory, .kind = Kind::directory, .permissions = 0755});
  entries.push_back({.path = "/init", .permissions = 0755, .data = std::move(program)});
  const std::string archive = TRY(image::write_newc(std::move(entries)));
  unpacked = archive.size();
  return image::compress(archive);
}

} // namespace

// The real one, but for the ramdisk; the manifest is right.
base::Result<> HostileGuest::put_image() {
  // Once for each lab, and once more for a program that was built anew.
  static bool made = false;
  const std::string there = base::format("test -e {}/manifest.json", hostile_image);
  const base::Output found = TRY(scenario_.host().run(there, command_limit));
  if (made && found.status.success())
    return {};
  const std::string good =
      TRY(scenario_.host().check(base::format("cat {}/manifest.json", good_image), command_limit));
  manifest::Manifest manifest = TRY(manifest::parse(good));
  std::string program = TRY(base::read_file(LINSTUB_ADVERSARY, largest_program));
  size_t unpacked = 0;
  const std::string ramdisk = TRY(make_ramdisk(std::move(program), unpacked));
  manifest.identity.ramdisk = manifest::digest_of(ramdisk);
  manifest.identity.ramdisk_unpacked = unpacked;
  TRY(scenario_.host().check(
      base::format("d={}; rm -rf $d && mkdir $d && ln -s {}/[ikrs]* $d && rm $d/ramdisk && "
                   "cat >$d/ramdisk",
                   hostile_image, good_image),
      command_limit, ramdisk));
  TRY(scenario_.host().check(base::format("cat >{}/manifest.json", hostile_image), command_limit,
                             manifest::to_json(manifest)));
  made = true;
  return {};
}

base::Result<> HostileGuest::create(const std::string &trick,
                                    const std::vector<std::string> &extra) {
  TRY(put_image().transform_error(base::doing("make the hostile image")));
  GuestConfig config{.name = name};
  // Who owns the kernel of a stub domain is not held up by what it keeps from QEMU.
  const bool is_qemu = trick == "hypercalls-of-qemu";
  config.extra = {"vnc = 0",
                  base::format("device_model_args_hvm = [ \"-linstub\", \"image={},system=ramdisk,"
                               "kernel-options=linstub.trick={}{}\" ]",
                               hostile_image, trick, is_qemu ? "" : " xen_privcmd.unrestricted=1")};
  config.extra.insert(config.extra.end(), extra.begin(), extra.end());
  const std::string file = base::format("/run/lab-{}.cfg", name);
  TRY(scenario_.host().check("cat >" + file, command_limit, xl_config(config)));
  auto created =
      TRY(scenario_.host().run(base::format("xl create -p {} 2>&1", file), create_limit));
  if (!created.status.success())
    return base::fail("{}", created.out);
  return {};
}

void HostileGuest::go() {
  scenario_.dom0(
      base::format("xenstore-write /local/domain/$(xl domid {}-dm)/linstub/go now", name));
}

Figures HostileGuest::figures() {
  std::istringstream said(scenario_.dom0(look));
  Figures figures;
  said >> figures.programs >> figures.log >> figures.run >> figures.disk >> figures.free >>
      figures.turn >> figures.turn_by_clock;
  EXPECT_TRUE(said) << said.str();
  return figures;
}

std::string HostileGuest::told() {
  return scenario_.dom0(base::format("xenstore-read /local/domain/$(xl domid {}-dm)/data/adversary "
                                     "2>/dev/null || true",
                                     name));
}

std::string HostileGuest::log() {
  return scenario_.dom0(base::format("cat /var/log/xen/qemu-dm-{}.log | tail -c 65536", name));
}

void HostileGuest::expect_bounded(const Figures &before, const Figures &after) {
  std::printf("linstub-dm: %ld KiB, before %ld; log: %ld KiB; /run: %ld KiB, before %ld; "
              "/: %ld KiB more; memory: %ld KiB less; longest turn: %.1f ms of the CPU, %.1f ms by "
              "the clock\n",
              after.programs, before.programs, after.log, after.run, before.run,
              after.disk - before.disk, before.free - after.free, after.turn, after.turn_by_clock);
  EXPECT_LT(after.programs - before.programs, most_memory);
  EXPECT_LE(after.log, most_log);
  EXPECT_LT(after.run - before.run, most_run);
  EXPECT_LT(after.disk - before.disk, most_disk);
  EXPECT_LT(before.free - after.free, most_host_memory);
  EXPECT_LT(after.turn, longest_turn * slowness);
}

bool HostileGuest::there() {
  return scenario_.host()
      .run(base::format("xl domid {}", name), command_limit)
      .value_or(base::Output{})
      .status.success();
}

void HostileGuest::destroy_in_time() {
  const std::string took = scenario_.dom0(base::format(
      "begin=$(date +%s%3N); xl destroy {} >&2; echo $(($(date +%s%3N) - begin))", name));
  std::printf("xl destroy took %s ms\n", took.c_str());
  EXPECT_LT(std::atol(took.c_str()), base::Milliseconds(destroy_limit).count());
}

bool HostileGuest::gone_within(base::Milliseconds limit) {
  return scenario_.holds_within(base::format("! xl domid {} >/dev/null 2>&1", name), limit);
}

} // namespace linstub::lab
