// SPDX-License-Identifier: MIT
// linstub status: which guests have a stub domain, and in what state they are.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "manifest/manifest.hpp"
#include "run/status.hpp"
#include "wire/memory.hpp"
#include "wire/paths.hpp"
#include "xen/xenstore.hpp"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

namespace linstub::cli {
namespace {

enum class Format { table, json };

std::string state_of(const run::Status &status) {
  if (status.phase == "failed")
    return "failed";
  return run::is_alive(status) ? status.phase : "dead";
}

std::string duration(int64_t seconds) {
  constexpr int64_t minute = 60;
  constexpr int64_t hour = 60 * minute;
  constexpr int64_t day = 24 * hour;
  if (seconds >= day)
    return base::format("{}d {}h", seconds / day, seconds % day / hour);
  if (seconds >= hour)
    return base::format("{}h {}m", seconds / hour, seconds % hour / minute);
  return base::format("{}m {}s", seconds / minute, seconds % minute);
}

std::string stub_of(const run::Status &status) {
  return status.stub_domain && run::is_alive(status) ? base::format("{}", *status.stub_domain)
                                                     : "-";
}

// What its stub domain says of its memory: it may say anything, in numbers. Nothing for who may not
// ask xenstore.
std::optional<wire::Memory> memory_of(const run::Status &status) {
  if (!status.stub_domain || !run::is_alive(status))
    return std::nullopt;
  auto xenstore = xen::Xenstore::connect();
  if (!xenstore)
    return std::nullopt;
  auto text = xenstore->read_if_there(
      base::format("{}/{}", xen::domain_path(*status.stub_domain), wire::memory_node),
      wire::longest_memory);
  if (!text || !*text)
    return std::nullopt;
  auto memory = wire::decode_memory(**text);
  return memory ? std::optional(*memory) : std::nullopt;
}

uint64_t mebibytes(uint64_t kib) { return (kib + 512) / 1024; }

// "36/64": what is used of what it has, as far as it says. The kernel, which it does not count, is
// used.
std::string memory_text(const run::Status &status) {
  const auto memory = memory_of(status);
  const std::string all = std::to_string(status.memory);
  const uint64_t left = memory ? mebibytes(memory->available) : 0;
  return memory && left < status.memory ? base::format("{}/{}", status.memory - left, all) : all;
}

// Another image lies where its own was when its stub domain was made, as far as its linstub-dm,
// which may be older than this program, says what that was.
bool is_outdated(const run::Status &status) {
  if (!run::is_alive(status) || status.ramdisk.empty())
    return false;
  auto installed = manifest::read_identity(status.image + "/manifest.json");
  return installed && (installed->ramdisk.sha256 != status.ramdisk ||
                       (!status.kernel.empty() && installed->kernel.sha256 != status.kernel));
}

void print_guests(const std::vector<run::Status> &all) {
  if (all.empty()) {
    std::puts("No guest has a stub domain.");
    return;
  }
  std::printf("%-20s %6s %6s %-9s %10s %9s %s\n", "GUEST", "DOMID", "STUB", "STATE", "USED/MiB",
              "UPTIME", "IMAGE");
  bool any_outdated = false;
  for (const run::Status &status : all) {
    const bool outdated = is_outdated(status);
    any_outdated = any_outdated || outdated;
    std::printf("%-20s %6s %6s %-9s %10s %9s %s (%s)%s\n", status.guest.c_str(),
                base::format("{}", status.domid).c_str(), stub_of(status).c_str(),
                state_of(status).c_str(), memory_text(status).c_str(),
                duration(std::max<int64_t>(0, ::time(nullptr) - status.since)).c_str(),
                status.version.c_str(), status.image.c_str(), outdated ? ", outdated" : "");
    if (!status.error.empty())
      std::printf("  last error: %s\n", status.error.c_str());
  }
  if (any_outdated)
    std::puts(
        "A newer image is installed than an outdated guest has: linstub upgrade GUEST, or --all");
}

void print_table(const std::vector<run::Status> &all) {
  print_guests(all);
  if (const std::string spares = ready_spares(); !spares.empty())
    std::printf("%s.\n", spares.c_str());
}

void print_json(const std::vector<run::Status> &all) {
  using Json = nlohmann::json;
  Json list = Json::array();
  for (const run::Status &status : all) {
    Json entry = Json::parse(run::encode(status));
    entry["state"] = state_of(status);
    entry["outdated"] = is_outdated(status);
    if (const auto memory = memory_of(status))
      entry["memory-kib"] = {{"total", memory->total},           {"available", memory->available},
                             {"least-available", memory->least}, {"free", memory->free},
                             {"programs", memory->programs},     {"files", memory->files}};
    list.push_back(std::move(entry));
  }
  constexpr int indent = 2;
  std::puts(list.dump(indent).c_str());
}

base::Result<> show(Format format) {
  std::vector<run::Status> all = TRY(run::read_all_status());
  format == Format::json ? print_json(all) : print_table(all);
  return {};
}

} // namespace

void add_status_command(CLI::App &program) {
  auto *command = program.add_subcommand(
      "status", "Show the guests of this host that have a stub domain, and what went wrong last");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON, for programs");
  auto clear = std::make_shared<bool>(false);
  command->add_flag("--clear", *clear, "Forget the guests that have failed");
  command->callback([json, clear] {
    finish(*clear ? run::clear_failed_status() : show(*json ? Format::json : Format::table));
  });
}

} // namespace linstub::cli
