// SPDX-License-Identifier: MIT
#include "stubdom/vif_link.hpp"

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "sys/netlink.hpp"

#include <net/if.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

namespace linstub::stubdom {
namespace {

namespace fs = std::filesystem;
using base::Result;

constexpr base::Milliseconds name_timeout{5'000};
constexpr useconds_t between_looks = 20'000;
constexpr int decimal = 10;
constexpr int hexadecimal = 16; // of flags, after 0x

Result<uint32_t> read_number(const fs::path &path, int base) {
  constexpr size_t longest = 32;
  const std::string content = TRY(base::read_file(path, longest));
  std::string_view text = content;
  if (base == hexadecimal && text.starts_with("0x"))
    text.remove_prefix(2);
  uint32_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || std::string_view(end, text.data() + text.size()) != "\n")
    return base::fail("{} is not a number", path.string());
  return number;
}

// netback's device of the vif has one interface (drivers/net/xen-netback/interface.c,
// SET_NETDEV_DEV), whatever its name is by now.
std::optional<fs::path> directory_of(const std::string &sysfs, xen::DomId stub, uint8_t nic) {
  std::error_code error;
  fs::directory_iterator all(
      base::format("{}/bus/xen-backend/devices/vif-{}-{}/net", sysfs, stub, nic), error);
  if (error || all == fs::directory_iterator())
    return std::nullopt;
  return all->path();
}

} // namespace

Result<std::optional<VifLink>> find_vif_link(const std::string &sysfs, xen::DomId stub,
                                             uint8_t nic) {
  const auto directory = directory_of(sysfs, stub, nic);
  if (!directory)
    return std::nullopt;
  std::error_code none;
  VifLink link{.name = directory->filename(),
               .master = fs::read_symlink(*directory / "master", none).filename(),
               .on_bridge = fs::exists(*directory / "brport", none)};
  link.number = TRY(read_number(*directory / "ifindex", decimal));
  link.mtu = TRY(read_number(*directory / "mtu", decimal));
  link.up = (TRY(read_number(*directory / "flags", hexadecimal)) & IFF_UP) != 0;
  return link;
}

Result<std::optional<VifLink>> KernelVifLinks::of(xen::DomId stub, uint8_t nic) {
  return find_vif_link("/sys", stub, nic).transform_error(base::doing("look at NIC {}", nic));
}

Result<> KernelVifLinks::rename(const VifLink &link, const std::string &name) {
  sys::Route route = TRY(sys::Route::open());
  auto renamed = route.rename(link.number, name);
  if (renamed || renamed.error().code() != EBUSY)
    return renamed;
  TRY(route.clear_flags(link.number, IFF_UP));
  renamed = route.rename(link.number, name);
  TRY(route.set_flags(link.number, IFF_UP)); // it was: a port stays one meanwhile
  return renamed;
}

Result<> KernelVifLinks::take_down(const VifLink &link) {
  sys::Route route = TRY(sys::Route::open());
  return route.clear_flags(link.number, IFF_UP);
}

Result<> KernelVifLinks::join_like(const VifLink &link, const VifLink &other) {
  sys::Route route = TRY(sys::Route::open());
  TRY(route.set_mtu(link.number, other.mtu));
  if (other.on_bridge) {
    const unsigned bridge = TRY(sys::link_index(other.master));
    TRY(route.set_master(link.number, bridge));
  }
  return other.up ? route.set_flags(link.number, IFF_UP) : Result<>();
}

Result<> KernelVifLinks::await_free(const std::string &name) {
  for (const auto deadline = base::Deadline::after(name_timeout);
       ::if_nametoindex(name.c_str()) != 0; ::usleep(between_looks)) {
    if (deadline.passed())
      return std::unexpected(
          base::Error(base::format("there is another interface named {}", name), EEXIST));
  }
  return {};
}

} // namespace linstub::stubdom
