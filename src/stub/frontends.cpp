// SPDX-License-Identifier: MIT
#include "stub/frontends.hpp"

#include "base/log.hpp"
#include "wire/paths.hpp"
#include "wire/state_record.hpp"
#include "xen/domid.hpp"
#include "xen/xenbus.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace linstub::stub {

struct Frontends::Kind {
  const char *type;        // below device/ in xenstore
  const char *sysfs_class; // the class directory of the frontend in sysfs; none for consoles
  const char *words;       // for people
  bool has_node;           // a node in /dev that QEMU opens
};

namespace {

// The only entry of a directory, "" if there is none (yet).
std::string only_entry(const std::string &path) {
  std::unique_ptr<DIR, int (*)(DIR *)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory)
    return {};
  while (const dirent *entry = ::readdir(directory.get())) {
    if (std::string_view name = entry->d_name; !name.starts_with('.'))
      return std::string(name);
  }
  return {};
}

} // namespace

Frontends::Frontends(World world, uid_t owner, std::set<std::string> consoles,
                     std::set<std::string> kept)
    : world_(std::move(world)), owner_(owner), consoles_(std::move(consoles)),
      kept_(std::move(kept)) {
  kept_.insert(wire::system_disk);
  kept_.insert(wire::state_disks.begin(), wire::state_disks.end());
}

base::Result<std::string> Frontends::name_of(const std::string &device,
                                             const std::string &sysfs_class) const {
  std::string name = only_entry(base::format("{}/{}/{}", world_.sysfs, device, sysfs_class));
  if (name.empty())
    return base::fail("the kernel has made no {} device for it", sysfs_class);
  return name;
}

base::Result<std::string> Frontends::link_of(unsigned int nic) const {
  return name_of(base::format("vif-{}", nic), "net").transform_error(base::doing("NIC {}", nic));
}

// What is missing, in words; "" when the node is the owner's.
base::Result<std::string> Frontends::hand_over(const std::string &name) const {
  std::string node = base::format("{}/{}", world_.dev, name);
  struct stat status{};
  if (::stat(node.c_str(), &status) == 0 && status.st_uid == owner_)
    return std::string();
  if (::chown(node.c_str(), owner_, owner_) == 0) {
    base::log_debug("{} is there", node);
    return std::string();
  }
  if (errno != ENOENT)
    return base::fail_errno(errno, "give {} to QEMU", node);
  return base::format("{} is not there", node);
}

base::Result<std::string> Frontends::hand_over_disk(const std::string &name) {
  if (kept_.contains(name)) {
    std::string node = base::format("{}/{}", world_.dev, name);
    return ::access(node.c_str(), F_OK) == 0 ? std::string()
                                             : base::format("{} is not there", node);
  }
  std::string lacks = TRY(hand_over(name));
  if (lacks.empty())
    disks_.push_back(name);
  return lacks;
}

base::Result<std::string> Frontends::lack(const Kind &kind, const std::string &number) {
  auto state = world_.read(base::format("device/{}/{}/state", kind.type, number));
  const std::string connected = xen::text(xen::XenbusState::connected);
  if (!state || *state != connected)
    return base::format("its state is {}, not connected ({})",
                        state ? base::printable(*state, 8) : "unknown", connected);
  if (kind.sysfs_class == nullptr)
    return hand_over("hvc" + number);
  auto name = name_of(base::format("{}-{}", kind.type, number), kind.sysfs_class);
  if (!name)
    return std::move(name).error().message();
  return kind.has_node ? hand_over_disk(*name) : std::string();
}

base::Result<std::vector<std::string>> Frontends::scan() {
  static constexpr std::array<Kind, 3> kinds{{{"vbd", "block", "disk", true},
                                              {"vif", "net", "NIC", false},
                                              {"console", nullptr, "console", true}}};
  std::vector<std::string> missing;
  disks_.clear();
  for (const Kind &kind : kinds) {
    auto numbers = world_.list(base::format("device/{}", kind.type));
    if (!numbers && numbers.error().code() == ENOENT)
      continue;
    if (!numbers)
      return std::unexpected(std::move(numbers).error());
    for (const std::string &number : *numbers) {
      TRY(xen::parse_number(number, UINT32_MAX)
              .transform_error(base::doing("device/{}", kind.type)));
      if (kind.sysfs_class == nullptr && !consoles_.contains(number))
        continue;
      std::string lacks =
          TRY(lack(kind, number).transform_error(base::doing("{} {}", kind.words, number)));
      if (!lacks.empty())
        missing.push_back(base::format("{} {}: {}", kind.words, number, lacks));
    }
  }
  return missing;
}

} // namespace linstub::stub
