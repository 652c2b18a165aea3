// SPDX-License-Identifier: MIT
// For the readers of manifests: JSON, strictly and within bounds. These functions throw Bad, or one
// of nlohmann's exceptions; reading() makes an error of both, so that they stay in this folder.
#pragma once

#include "base/result.hpp"
#include "manifest/manifest.hpp"

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace linstub::manifest {

using Json = nlohmann::json;

constexpr size_t largest_manifest = size_t{1} << 20;

struct Bad {
  std::string what;
};

// What is in the lists of a manifest is nearly all of it.
enum class Lists : uint8_t { skipped, stored };

// Parses what is as large as a manifest may be, and nested as deeply; a field that is there twice
// is refused (others would take the first, or the last).
Json parse_json(std::string_view text, Lists lists);

const Json &field(const Json &json, std::string_view name);

// An object with no other fields than these.
void expect_only(const Json &json, std::initializer_list<std::string_view> names);

// Plain text: not empty, bounded, without control characters.
std::string text_of(const Json &json, std::string_view name);
std::string text(const Json &json, std::string_view name);
uint64_t number(const Json &json, std::string_view name);
Digest read_digest(const Json &json);

// All of a manifest but its lists; its format first.
Identity identity_of(const Json &json);

template <class Read>
auto reading(const Read &read) -> base::Result<decltype(read())> {
  try {
    return read();
  } catch (const Bad &bad) {
    return base::fail("{}", bad.what);
  } catch (const nlohmann::json::exception &error) {
    return base::fail("{}", error.what());
  }
}

} // namespace linstub::manifest
