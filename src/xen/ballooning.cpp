// SPDX-License-Identifier: MIT
#include "xen/ballooning.hpp"

#include "xen/libxl_headers.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <regex>

namespace linstub::xen {
namespace {

struct Destroy {
  void operator()(XLU_Config *config) const { xlu_cfg_destroy(config); }
};

// As it stands in xl (auto_autoballoon() in xl.c) and in libvirt's driver.
bool dom0_has_its_own(std::string_view hypervisor_options) {
  const std::regex amount("(^| )dom0_mem=((|min:|max:)(-?[0-9]+[bBkKmMgGtT]?|(-?[0-9]+"
                          "[bBkKmMgGtT]?\\+)?[0-9]{1,2}%),?)+($| )",
                          std::regex::extended);
  return std::regex_search(hypervisor_options.begin(), hypervisor_options.end(), amount);
}

bool is_one_of(const std::optional<std::string> &setting, std::string_view word,
               std::string_view number) {
  return setting == word || setting == number;
}

} // namespace

std::vector<std::filesystem::path> autoballoon_files() {
  return {"/etc/xen/xl.conf", "/etc/libvirt/libxl.conf"};
}

std::optional<std::string> toolstack_setting(const std::filesystem::path &file, const char *key) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) // libxlutil would complain of it
    return std::nullopt;
  const std::unique_ptr<XLU_Config, Destroy> config(xlu_cfg_init(stderr, file.c_str()));
  if (!config || xlu_cfg_readfile(config.get(), file.c_str()) != 0)
    return std::nullopt;
  const char *value = nullptr;
  constexpr int without_warning = 1;
  if (xlu_cfg_get_string(config.get(), key, &value, without_warning) != 0)
    return std::nullopt;
  return value;
}

bool may_balloon(const std::vector<std::optional<std::string>> &settings,
                 std::string_view hypervisor_options) {
  auto says = [&](std::string_view word, std::string_view number) {
    return std::ranges::any_of(
        settings, [&](const auto &setting) { return is_one_of(setting, word, number); });
  };
  if (says("off", "0"))
    return false;
  return says("on", "1") || !dom0_has_its_own(hypervisor_options);
}

} // namespace linstub::xen
