// SPDX-License-Identifier: MIT
#include "run/spares.hpp"

#include "run/directory.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <string_view>

namespace linstub::run {
namespace {

constexpr std::array<std::string_view, 3> beginnings{"spare-making-", "spare-ready-",
                                                     "spare-ending-"};

std::string_view beginning_of(SpareStage stage) {
  return beginnings.at(static_cast<size_t>(stage));
}

} // namespace

std::string spare_path(const Spare &spare) {
  return base::format("{}/{}{}", directory(), beginning_of(spare.stage), xen::text(spare.uuid));
}

std::vector<Spare> spares() {
  std::vector<Spare> all;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(directory(), error)) {
    const std::string name = entry.path().filename().string();
    for (const SpareStage stage : {SpareStage::making, SpareStage::ready, SpareStage::ending}) {
      const std::string_view beginning = beginning_of(stage);
      if (!name.starts_with(beginning))
        continue;
      if (auto uuid = xen::parse_uuid(std::string_view(name).substr(beginning.size())))
        all.push_back({.stage = stage, .uuid = *uuid});
    }
  }
  return all;
}

base::Result<> move_spare(Spare &spare, SpareStage stage) {
  const Spare moved{.stage = stage, .uuid = spare.uuid};
  if (std::rename(spare_path(spare).c_str(), spare_path(moved).c_str()) != 0)
    return base::fail_errno(errno, "rename {}", spare_path(spare));
  spare = moved;
  return {};
}

} // namespace linstub::run
