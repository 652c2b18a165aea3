// SPDX-License-Identifier: MIT
#include "bench/contender.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace linstub::bench {
namespace {

using lab::DeviceModel;

constexpr unsigned of_qemu = has::ahci | has::tcp;
constexpr unsigned of_libxl = has::direct_boot | has::save | has::pv_qcow2 | has::screen;
constexpr unsigned of_linux = has::stub_domain | has::linux_stub | has::new_stub;

const std::array table{
    Contender{std::string(reference), "QEMU in dom0", DeviceModel::dom0, of_qemu | of_libxl, {}},
    Contender{std::string(image_qemu),
              "the image's QEMU in dom0",
              DeviceModel::dom0,
              of_qemu | of_libxl,
              {}},
    Contender{"linstub",
              "Linstub",
              DeviceModel::linstub,
              of_qemu | of_libxl | of_linux | has::linstub,
              {}},
    Contender{"libxl", "libxl's Linux mode", DeviceModel::libxl_stub, of_qemu | of_linux, {}},
    Contender{"minios", "MiniOS", DeviceModel::minios, has::stub_domain | has::new_stub, {}},
};

} // namespace

std::span<const Contender> contenders() { return table; }

std::vector<std::string> lines_for(const Contender &contender) {
  // Its ROMs are Debian's, which lie in several places.
  if (contender.name == image_qemu)
    return {base::format("device_model_override = \"{}\"", image_qemu_path),
            "device_model_args_hvm = [ \"-L\", \"/usr/share/qemu\", \"-L\", "
            "\"/usr/share/seabios\", \"-L\", \"/usr/lib/ipxe/qemu\" ]"};
  if (contender.settings.empty())
    return {};
  return {base::format("device_model_args_hvm = [ \"-linstub\", \"{}\" ]", contender.settings)};
}

unsigned spares_of(const Contender &contender) {
  constexpr std::string_view key = "spares=";
  const size_t at = contender.settings.find(key);
  return at == std::string::npos ? 0
                                 : static_cast<unsigned>(std::strtoul(
                                       &contender.settings[at + key.size()], nullptr, 10));
}

std::optional<Contender> find_contender(std::string_view name) {
  const size_t colon = name.find(':');
  const auto *found = std::ranges::find(table, name.substr(0, colon), &Contender::name);
  if (found == table.end())
    return std::nullopt;
  if (colon == std::string_view::npos)
    return *found;
  if (found->device_model != DeviceModel::linstub)
    return std::nullopt;
  Contender contender = *found;
  contender.name = name;
  contender.settings = name.substr(colon + 1);
  std::ranges::replace(contender.settings, '+', ',');
  contender.what += base::format(", {}", contender.settings);
  if (spares_of(contender) > 0)
    contender.has &= ~(has::linux_stub | has::new_stub); // it has been through these stages before
  return contender;
}

std::string contender_names() {
  std::vector<std::string> names;
  for (const Contender &one : table)
    names.push_back(one.name);
  names.emplace_back("and linstub:SETTING=VALUE+...");
  return base::join(names, ", ");
}

base::Result<std::vector<Contender>> parse_contenders(std::string_view list) {
  std::vector<Contender> all;
  for (;;) {
    const std::string_view name = list.substr(0, list.find(','));
    auto contender = find_contender(name);
    if (!contender)
      return base::fail("there is no contender \"{}\": {} are known", name, contender_names());
    if (std::ranges::contains(all, name, &Contender::name))
      return base::fail("the contender \"{}\" is there twice", name);
    all.push_back(*std::move(contender));
    if (name.size() == list.size())
      return all;
    list.remove_prefix(name.size() + 1);
  }
}

std::vector<Contender> order_in(uint32_t round, std::vector<Contender> contenders) {
  const auto first = static_cast<std::ptrdiff_t>((round - 1) % contenders.size());
  std::ranges::rotate(contenders, contenders.begin() + first);
  return contenders;
}

} // namespace linstub::bench
