// SPDX-License-Identifier: MIT
// Frontends: the PV devices that dom0 has given the stub domain, from xenstore's device/vbd,
// device/vif and device/console to their nodes in /dev and their network links.
#pragma once

#include "base/result.hpp"

#include <sys/types.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace linstub::stub {

class Frontends {
public:
  // What is asked of the world, so that tests can answer.
  struct World {
    std::function<base::Result<std::vector<std::string>>(const std::string &node)> list;
    std::function<base::Result<std::string>(const std::string &node)> read;
    std::string sysfs = "/sys/bus/xen/devices";
    std::string dev = "/dev";
  };

  // Disks, and the consoles that are named, are handed to `owner` as they appear; the state disk,
  // the system's and `kept` ("xvdc") are not. Other consoles are left alone.
  Frontends(World world, uid_t owner, std::set<std::string> consoles, std::set<std::string> kept);

  // Looks at all frontends; gives nodes that have appeared to the owner: also those of disks that
  // dom0 plugs later, and again under a name that another disk has had. Returns what is still
  // missing, each as words for an error ("disk 51712: its state is 2, not connected (4)"): nothing
  // when all are ready. To be called again whenever something may have changed.
  base::Result<std::vector<std::string>> scan();

  // The disks, as they are called in /dev, that the owner could open at the last scan().
  [[nodiscard]] const std::vector<std::string> &disks() const { return disks_; }

  // The network link of device/vif/<nic> ("eth0").
  [[nodiscard]] base::Result<std::string> link_of(unsigned int nic) const;

private:
  // What a frontend still lacks, in words; "" if it is ready.
  struct Kind;
  base::Result<std::string> lack(const Kind &kind, const std::string &number);
  [[nodiscard]] base::Result<std::string> hand_over(const std::string &name) const;
  base::Result<std::string> hand_over_disk(const std::string &name);
  [[nodiscard]] base::Result<std::string> name_of(const std::string &device,
                                                  const std::string &sysfs_class) const;

  World world_;
  uid_t owner_;
  std::set<std::string> consoles_; // their numbers
  std::set<std::string> kept_;     // disks that are not handed over
  std::vector<std::string> disks_;
};

} // namespace linstub::stub
