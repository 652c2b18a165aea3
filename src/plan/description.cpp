// SPDX-License-Identifier: MIT
#include "plan/description.hpp"

#include <nlohmann/json.hpp>

namespace linstub::plan {
namespace {

using Json = nlohmann::json;

Json to_json(const disk::Disk &disk) {
  return {{"path", disk.path},
          {"vdev", disk.vdev},
          {"writable", disk.mode == disk::DiskMode::read_write}};
}

disk::Disk disk_from(const Json &json) {
  return {.path = json.at("path").get<std::string>(),
          .vdev = json.at("vdev").get<std::string>(),
          .format = disk::DiskFormat::raw, // the stub domain's concern
          .mode = json.at("writable").get<bool>() ? disk::DiskMode::read_write
                                                  : disk::DiskMode::read_only};
}

Json to_json(const wire::CopiedFile &file) {
  return {{"device", file.device}, {"size", file.size}, {"path", file.path}};
}

wire::CopiedFile file_from(const Json &json) {
  return {.device = json.at("device").get<std::string>(),
          .size = json.at("size").get<uint64_t>(),
          .path = json.at("path").get<std::string>()};
}

Json to_json(const Nic &nic) {
  return {
      {"index", nic.index}, {"interface", nic.interface}, {"bridge", nic.bridge}, {"mac", nic.mac}};
}

Nic nic_from(const Json &json) {
  return {.index = json.at("index").get<uint8_t>(),
          .interface = json.at("interface").get<std::string>(),
          .bridge = json.at("bridge").get<std::string>(),
          .mac = json.at("mac").get<std::string>()};
}

Json to_json(const xen::DomainLimits &limits) {
  return {{"cpu-weight", limits.cpu_weight},
          {"cpu-cap", limits.cpu_cap},
          {"max-grant-frames", limits.max_grant_frames},
          {"max-maptrack-frames", limits.max_maptrack_frames},
          {"max-event-channels", limits.max_event_channels}};
}

xen::DomainLimits limits_from(const Json &json) {
  return {.cpu_weight = json.at("cpu-weight").get<uint32_t>(),
          .cpu_cap = json.at("cpu-cap").get<uint32_t>(),
          .max_grant_frames = json.at("max-grant-frames").get<uint32_t>(),
          .max_maptrack_frames = json.at("max-maptrack-frames").get<uint32_t>(),
          .max_event_channels = json.at("max-event-channels").get<uint32_t>()};
}

template <class Item>
Json list_to_json(const std::vector<Item> &items) {
  Json list = Json::array();
  for (const Item &item : items)
    list.push_back(to_json(item));
  return list;
}

template <class Item>
std::vector<Item> list_from(const Json &list, Item (*from)(const Json &)) {
  std::vector<Item> items;
  for (const Json &json : list)
    items.push_back(from(json));
  return items;
}

Description description_from(const Json &json) {
  return {.guest = xen::DomId{json.at("guest").get<uint16_t>()},
          .name = json.at("name").get<std::string>(),
          .image = json.at("image").get<std::string>(),
          .may_be_spare = json.at("may-be-spare").get<bool>(),
          .kernel = json.at("kernel").get<std::string>(),
          .ramdisk = json.at("ramdisk").get<std::string>(),
          .command_line = json.at("command-line").get<std::string>(),
          .type = json.at("pvh").get<bool>() ? xen::DomainType::pvh : xen::DomainType::pv,
          .memory = json.at("memory").get<uint32_t>(),
          .restore = json.at("restore").get<uint32_t>(),
          .screen = json.at("screen").get<uint32_t>(),
          .limits = limits_from(json.at("limits")),
          .log_level = json.at("log-level").get<std::string>(),
          .arguments = json.at("arguments").get<std::vector<std::string>>(),
          .disks = list_from<disk::Disk>(json.at("disks"), disk_from),
          .files = list_from<wire::CopiedFile>(json.at("files"), file_from),
          .nics = list_from<Nic>(json.at("nics"), nic_from),
          .role = json.at("next").get<bool>() ? Role::next : Role::first};
}

} // namespace

bool suits(const Description &spare, const Description &wanted) {
  return spare.image == wanted.image && spare.type == wanted.type &&
         spare.command_line == wanted.command_line && spare.limits == wanted.limits &&
         spare.memory >= wanted.memory;
}

std::string encode(const Description &description) {
  Json json = {{"guest", xen::number(description.guest)},
               {"name", description.name},
               {"image", description.image},
               {"may-be-spare", description.may_be_spare},
               {"kernel", description.kernel},
               {"ramdisk", description.ramdisk},
               {"command-line", description.command_line},
               {"pvh", description.type == xen::DomainType::pvh},
               {"memory", description.memory},
               {"restore", description.restore},
               {"screen", description.screen},
               {"limits", to_json(description.limits)},
               {"log-level", description.log_level},
               {"arguments", description.arguments},
               {"disks", list_to_json(description.disks)},
               {"files", list_to_json(description.files)},
               {"nics", list_to_json(description.nics)},
               {"next", description.role == Role::next}};
  // Paths may hold any byte; what is not UTF-8 cannot be told to the other side.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Description> decode_description(std::string_view text) {
  try {
    return description_from(Json::parse(text));
  } catch (const Json::exception &error) {
    return base::fail("the description of the stub domain: {}", error.what());
  }
}

} // namespace linstub::plan
