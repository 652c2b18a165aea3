// SPDX-License-Identifier: MIT
#include "manifest/manifest.hpp"

#include <nlohmann/json.hpp>

namespace linstub::manifest {
namespace {

using Json = nlohmann::ordered_json;

Json digest_json(const Digest &digest) {
  return {{"size", digest.size}, {"sha256", digest.sha256}};
}

Json input_json(const Input &input) {
  Json entry{{"kind", input.kind}, {"name", input.name}};
  if (!input.version.empty())
    entry["version"] = input.version;
  if (!input.file.empty()) {
    entry["file"] = input.file;
    entry.update(digest_json(input.digest));
  }
  return entry;
}

Json component_json(const Component &component) {
  Json entry{{"name", component.name},
             {"version", component.version},
             {"part", component.part},
             {"copyright", digest_json(component.copyright)}};
  if (!component.licences.empty())
    entry["licences"] = component.licences;
  return entry;
}

Json file_json(const RamdiskFile &file) {
  Json entry{{"path", file.path}, {"origin", file.origin}, {"version", file.version}};
  entry.update(digest_json(file.digest));
  return entry;
}

template <class Item>
Json list_json(const std::vector<Item> &items, Json (*one)(const Item &)) {
  Json list = Json::array();
  for (const Item &item : items)
    list.push_back(one(item));
  return list;
}

} // namespace

std::string to_json(const Manifest &manifest) {
  Json ramdisk = digest_json(manifest.identity.ramdisk);
  ramdisk["unpacked"] = manifest.identity.ramdisk_unpacked;
  const Json json{{"format", format},
                  {"version", manifest.identity.version},
                  {"xen", manifest.identity.xen},
                  {"suite", manifest.identity.suite},
                  {"kernel", digest_json(manifest.identity.kernel)},
                  {"ramdisk", ramdisk},
                  {"init", digest_json(manifest.identity.init)},
                  {"system", digest_json(manifest.identity.system)},
                  {"inputs", list_json(manifest.inputs, input_json)},
                  {"components", list_json(manifest.components, component_json)},
                  {"files", list_json(manifest.files, file_json)}};
  constexpr int indent = 1;
  return json.dump(indent) + "\n";
}

} // namespace linstub::manifest
