// SPDX-License-Identifier: MIT
#include "run/status.hpp"

#include "base/fd.hpp"
#include "base/sha256.hpp"
#include "run/directory.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace linstub::run {
namespace {

using Json = nlohmann::json;

constexpr size_t longest = 16384;

using Fraction = std::chrono::duration<double, std::milli>;

double milliseconds(std::chrono::microseconds time) { return Fraction(time).count(); }
std::chrono::microseconds microseconds(double milliseconds) {
  return std::chrono::round<std::chrono::microseconds>(Fraction(milliseconds));
}

std::filesystem::file_time_type::duration age_of(const std::filesystem::directory_entry &entry) {
  std::error_code error;
  const auto written = entry.last_write_time(error);
  return error ? std::filesystem::file_time_type::duration(0)
               : std::filesystem::file_time_type::clock::now() - written;
}

} // namespace

std::string encode(const Status &status) {
  Json json = {{"guest", status.guest},
               {"domid", xen::number(status.domid)},
               {"pid", status.pid},
               {"model-pid", status.model_pid},
               {"phase", status.phase},
               {"image", status.image},
               {"version", status.version},
               {"kernel", status.kernel},
               {"ramdisk", status.ramdisk},
               {"memory", status.memory},
               {"since", status.since},
               {"error", status.error},
               {"longest-turn-ms", milliseconds(status.longest_turn.time)},
               {"longest-turn-cpu-ms", milliseconds(status.longest_turn.cpu)}};
  if (status.stub_domain)
    json["stub-domain"] = xen::number(*status.stub_domain);
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

base::Result<Status> decode_status(std::string_view text) {
  try {
    Json json = Json::parse(text);
    Status status{.guest = json.at("guest").get<std::string>(),
                  .domid = xen::DomId{json.at("domid").get<uint16_t>()},
                  .stub_domain = std::nullopt,
                  .pid = json.at("pid").get<int32_t>(),
                  .model_pid = json.value("model-pid", 0),
                  .phase = json.at("phase").get<std::string>(),
                  .image = json.at("image").get<std::string>(),
                  .version = json.at("version").get<std::string>(),
                  .kernel = json.value("kernel", ""),
                  .ramdisk = json.value("ramdisk", ""),
                  .memory = json.at("memory").get<uint32_t>(),
                  .since = json.at("since").get<int64_t>(),
                  .error = json.at("error").get<std::string>(),
                  .longest_turn = {.time = microseconds(json.value("longest-turn-ms", 0.0)),
                                   .cpu = microseconds(json.value("longest-turn-cpu-ms", 0.0))}};
    if (json.contains("stub-domain"))
      status.stub_domain = xen::DomId{json.at("stub-domain").get<uint16_t>()};
    return status;
  } catch (const Json::exception &error) {
    return base::fail("{}", error.what());
  }
}

// A long name has its digest in place of the end: names of files have 255 bytes, and letters that
// are not plain take three each.
std::string status_path(const std::string &guest) {
  constexpr size_t longest_name = 200;
  constexpr size_t kept = 100;
  std::string name;
  for (char c : guest) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || (c == '.' && !name.empty());
    name += plain ? std::string(1, c) : base::format("%{:02x}", static_cast<unsigned char>(c));
  }
  if (name.size() > longest_name)
    name = base::format("{}-{}", name.substr(0, kept), base::sha256(guest));
  return base::format("{}/{}{}", directory(), name, status_suffix);
}

base::Result<> write_status(const Status &status) {
  TRY(make_directory());
  return base::replace_file(status_path(status.guest), encode(status));
}

void remove_status(const std::string &guest) { ::unlink(status_path(guest).c_str()); }

void remove_status(const Status &own) {
  auto text = base::read_file(status_path(own.guest), longest);
  auto status = text ? decode_status(*text) : std::unexpected(text.error());
  if (!status || status->pid == own.pid)
    remove_status(own.guest);
}

void mark_failed(xen::DomId guest, const std::string &error) {
  auto all = read_all_status();
  for (Status &status : all.value_or(std::vector<Status>{})) {
    if (status.domid != guest || status.phase == "failed")
      continue;
    status.phase = "failed";
    status.error = error;
    [[maybe_unused]] auto written = write_status(status); // nobody is there to hear of it
  }
}

bool is_alive(const Status &status) {
  return status.phase != "failed" && status.pid > 0 &&
         (::kill(status.pid, 0) == 0 || errno == EPERM);
}

base::Result<std::vector<Status>> read_all_status() {
  std::vector<Status> all;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(directory(), error)) {
    if (entry.path().extension() != status_suffix)
      continue;
    auto text = base::read_file(entry.path(), longest);
    auto status = text ? decode_status(*text) : std::unexpected(text.error());
    if (!status)
      continue;
    if (!is_alive(*status) && age_of(entry) > failure_is_shown_for)
      ::unlink(entry.path().c_str()); // who may not do that leaves it out
    else
      all.push_back(std::move(*status));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return base::fail("read {}: {}", directory(), error.message());
  std::ranges::sort(all, {}, &Status::guest);
  return all;
}

base::Result<> clear_failed_status() {
  for (const Status &status : TRY(read_all_status())) {
    if (!is_alive(status) && ::unlink(status_path(status.guest).c_str()) != 0 && errno != ENOENT)
      return base::fail_errno(errno, "remove {}", status_path(status.guest));
  }
  return {};
}

} // namespace linstub::run
