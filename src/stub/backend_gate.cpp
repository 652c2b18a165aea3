// SPDX-License-Identifier: MIT
#include "stub/backend_gate.hpp"

#include "base/log.hpp"
#include "xen/vbd.hpp"
#include "xen/xenbus.hpp"

#include <algorithm>

namespace linstub::stub {
namespace {

using base::Result;
using xen::XenbusState;

// "xvda" of "qcow2:/dev/xvda".
std::string_view disk_in(std::string_view params) {
  constexpr std::string_view directory = ":/dev/";
  const size_t at = params.find(directory);
  return at == std::string_view::npos ? std::string_view() : params.substr(at + directory.size());
}

} // namespace

Result<> BackendGate::look(const std::vector<std::string> &disks) {
  const std::string directory = base::format("backend/qdisk/{}", guest_);
  auto numbers = world_.list(directory);
  if (!numbers && numbers.error().code() == ENOENT)
    return {};
  // QEMU opens its drives before it says that it runs, and the guest runs after that only.
  if (!TRY(is(base::format("device-model/{}/state", guest_), "running")))
    return {};
  for (const std::string &number : TRY(std::move(numbers))) {
    if (xen::parse_number(number, UINT32_MAX))
      TRY(look_at(number, disks).transform_error(base::doing("{}/{}", directory, number)));
  }
  return {};
}

Result<> BackendGate::look_at(const std::string &number, const std::vector<std::string> &disks) {
  const std::string backend = base::format("backend/qdisk/{}/{}", guest_, number);
  if (!TRY(is(backend + "/online", "0")) ||
      !TRY(is(backend + "/state", xen::text(XenbusState::initialising))))
    return {};
  const auto params = TRY(world_.read(backend + "/params"));
  const std::string disk(disk_in(params.value_or("")));
  if (!xen::is_disk_name(disk) || !std::ranges::contains(disks, disk))
    return {}; // not yet
  const std::string path = "/dev/" + disk;
  TRY(world_.watch(path)); // before the look: no close is missed
  if (!TRY(may_open(number, path)))
    return {};
  world_.unwatch(path);
  base::log_info("{} is for the guest's PV driver now", path);
  return world_.write(backend + "/online", "1");
}

Result<bool> BackendGate::may_open(const std::string &number, const std::string &path) {
  if (!TRY(world_.has_open(path)))
    return true;
  const auto frontend =
      TRY(world_.read(base::format("/local/domain/{}/device/vbd/{}/state", guest_, number)));
  const XenbusState state = xen::parse_xenbus_state(frontend.value_or(""));
  return state == XenbusState::initialised || state == XenbusState::connected;
}

Result<bool> BackendGate::is(const std::string &node, std::string_view value) {
  return TRY(world_.read(node)) == value;
}

} // namespace linstub::stub
