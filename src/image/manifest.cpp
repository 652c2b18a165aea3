#include "image/manifest.hpp"

#include "base/fd.hpp"
#include "base/sha256.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace linstub::image {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t largest_manifest = size_t{4} << 20;
constexpr size_t digest_length = 64;

Json digest_json(const Digest &digest) {
  return {{"size", digest.size}, {"sha256", digest.sha256}};
}

// The readers throw nlohmann's exceptions, or Bad; parse_manifest turns both into an error.
struct Bad {
  std::string what;
};

std::string text(const Json &json, const char *name) { return json.at(name).get<std::string>(); }

uint64_t number(const Json &json, const char *name) {
  if (!json.at(name).is_number_unsigned())
    throw Bad{base::format("\"{}\" is not a size", name)};
  return json.at(name).get<uint64_t>();
}

Digest read_digest(const Json &json) {
  Digest digest{.size = number(json, "size"), .sha256 = text(json, "sha256")};
  if (digest.sha256.size() != digest_length ||
      digest.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
    throw Bad{"\"sha256\" is not a SHA-256 digest"};
  return digest;
}

Input read_input(const Json &json) {
  Input input{.kind = text(json, "kind"), .name = text(json, "name")};
  if (json.contains("version"))
    input.version = text(json, "version");
  if (json.contains("file")) {
    input.file = text(json, "file");
    if (input.file.empty())
      throw Bad{"\"file\" is empty"};
    input.digest = read_digest(json);
  }
  return input;
}

RamdiskFile read_file_entry(const Json &json) {
  return {.path = text(json, "path"),
          .origin = text(json, "origin"),
          .version = text(json, "version"),
          .digest = read_digest(json)};
}

Manifest read(const Json &json) {
  if (!json.is_object() || !json.contains("format"))
    throw Bad{"it is not a manifest of Linstub"};
  if (json.at("format") != manifest_format)
    throw Bad{base::format("its format is {}, this program knows {}", json.at("format").dump(),
                           manifest_format)};
  Manifest manifest;
  manifest.version = text(json, "version");
  manifest.xen = text(json, "xen");
  manifest.suite = text(json, "suite");
  manifest.kernel = read_digest(json.at("kernel"));
  manifest.ramdisk = read_digest(json.at("ramdisk"));
  manifest.ramdisk_unpacked = number(json.at("ramdisk"), "unpacked");
  for (const Json &input : json.at("inputs"))
    manifest.inputs.push_back(read_input(input));
  for (const Json &file : json.at("files"))
    manifest.files.push_back(read_file_entry(file));
  return manifest;
}

std::string describe(const Input &input) {
  std::string what = base::format("{} {}", input.kind, input.name);
  if (!input.version.empty())
    what += " " + input.version;
  if (!input.file.empty() && input.file != input.name)
    what += ", file " + input.file;
  return what;
}

} // namespace

Digest digest_of(std::string_view content) {
  return {.size = content.size(), .sha256 = base::sha256(content)};
}

base::Result<Digest> digest_of_file(const std::filesystem::path &path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error)
    return base::fail("size of {}: {}", path.string(), error.message());
  return Digest{.size = size, .sha256 = TRY(base::sha256_file(path))};
}

std::string to_json(const Manifest &manifest) {
  Json ramdisk = digest_json(manifest.ramdisk);
  ramdisk["unpacked"] = manifest.ramdisk_unpacked;
  Json json{{"format", manifest_format},
            {"version", manifest.version},
            {"xen", manifest.xen},
            {"suite", manifest.suite},
            {"kernel", digest_json(manifest.kernel)},
            {"ramdisk", ramdisk},
            {"inputs", Json::array()},
            {"files", Json::array()}};
  for (const Input &input : manifest.inputs) {
    Json entry{{"kind", input.kind}, {"name", input.name}};
    if (!input.version.empty())
      entry["version"] = input.version;
    if (!input.file.empty()) {
      entry["file"] = input.file;
      entry.update(digest_json(input.digest));
    }
    json["inputs"].push_back(std::move(entry));
  }
  for (const RamdiskFile &file : manifest.files) {
    Json entry{{"path", file.path}, {"origin", file.origin}, {"version", file.version}};
    entry.update(digest_json(file.digest));
    json["files"].push_back(std::move(entry));
  }
  constexpr int indent = 1;
  return json.dump(indent) + "\n";
}

base::Result<Manifest> parse_manifest(std::string_view json) {
  try {
    return read(Json::parse(json));
  } catch (const Bad &bad) {
    return base::fail("{}", bad.what);
  } catch (const nlohmann::json::exception &error) {
    return base::fail("{}", error.what());
  }
}

base::Result<Manifest> read_manifest(const std::filesystem::path &path) {
  const std::string json = TRY(base::read_file(path, largest_manifest));
  return parse_manifest(json).transform_error(base::doing("read {}", path.string()));
}

std::vector<std::string> differences(const std::vector<Input> &locked,
                                     const std::vector<Input> &found, Inputs extent) {
  auto same_thing = [](const Input &a) {
    return [&a](const Input &b) {
      // A file of a source package has its version in its name.
      return a.kind == b.kind && a.name == b.name &&
             (a.file == b.file || a.version != b.version || a.file.empty());
    };
  };
  std::vector<std::string> sentences;
  for (const Input &input : found) {
    if (std::ranges::contains(locked, input))
      continue;
    auto other = std::ranges::find_if(locked, same_thing(input));
    if (other == locked.end())
      sentences.push_back(base::format("the manifest has no {}", describe(input)));
    else if (other->version != input.version)
      sentences.push_back(
          base::format("the manifest has {}, here it is {}", describe(*other), input.version));
    else
      sentences.push_back(base::format("{} has SHA-256 {} in the manifest, here {}",
                                       describe(input), other->digest.sha256, input.digest.sha256));
  }
  if (extent == Inputs::complete) {
    for (const Input &input : locked) {
      if (std::ranges::none_of(found, same_thing(input)))
        sentences.push_back(
            base::format("{} is in the manifest, but is not used", describe(input)));
    }
  }
  std::ranges::sort(sentences);
  const auto repeated = std::ranges::unique(sentences);
  sentences.erase(repeated.begin(), repeated.end());
  return sentences;
}

} // namespace linstub::image
