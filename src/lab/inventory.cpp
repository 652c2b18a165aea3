// SPDX-License-Identifier: MIT
#include "lab/inventory.hpp"

#include <algorithm>

namespace linstub::lab {
namespace {

// One shell command for all of it, because each command costs a second under emulation. Pids and
// numbers of loop devices are left out: they may change without anything being left. So is the
// status of a guest that failed, which `linstub status` shows until the guest starts again.
constexpr const char *script = R"(
xl list | awk 'NR > 1 { print "domain " $1 }'
losetup -a | sed 's/^[^(]*(\(.*\))$/loop \1/'
awk '{ print "mount " $2 }' /proc/mounts | grep -E '^mount (/run/|/var/lib/xen)' | grep -Ev '^mount /run/(user|credentials)/'
ls /sys/class/net | grep -E '^(vif|tap)' | sed 's/^/interface /'
for d in /local/domain /vm /libxl /local/domain/0/device-model \
         $(xenstore-list /local/domain/0/backend 2>/dev/null | sed 's,^,/local/domain/0/backend/,'); do
  xenstore-list $d 2>/dev/null | sed "s,^,xenstore $d/,"
done
ps -eo comm,args --no-headers | awk -v names="$device_models" '$1 ~ names || ($1 == "xl" && $3 != "list") { print "process " $0 }'
find /run/xen /run/linstub /var/lib/xen -not -type d -not -name '*.log' -not -name '*.status' -not -name domid-history 2>/dev/null | sed 's/^/file /'
)";

} // namespace

base::Result<Inventory> Inventory::take(const Host &host) {
  return parse(
      TRY(host.check(std::string(name_device_models) + script, std::chrono::seconds(120))));
}

Inventory Inventory::parse(std::string_view lines) {
  Inventory inventory;
  while (!lines.empty()) {
    size_t end = std::min(lines.find('\n'), lines.size());
    if (end != 0)
      inventory.items_.emplace(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return inventory;
}

std::vector<std::string> Inventory::more_than(const Inventory &before) const {
  std::vector<std::string> more;
  std::ranges::set_difference(items_, before.items_, std::back_inserter(more));
  return more;
}

} // namespace linstub::lab
