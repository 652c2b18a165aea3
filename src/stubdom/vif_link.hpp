// SPDX-License-Identifier: MIT
// The interfaces in dom0 of stub domains' vifs: what the kernel tells of them, and what is changed
// of them. They are found by their stub domain, because their names change.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace linstub::stubdom {

struct VifLink {
  unsigned number = 0; // the kernel's
  std::string name;
  std::string master;     // the interface that it is a port of; empty if of none
  bool on_bridge = false; // and that is a bridge of Linux' own
  bool up = false;
  uint32_t mtu = 0;

  bool operator==(const VifLink &) const = default;
};

// As sysfs has it, which is mounted there; nothing if there is no such interface.
base::Result<std::optional<VifLink>> find_vif_link(const std::string &sysfs, xen::DomId stub,
                                                   uint8_t nic);

class VifLinks {
public:
  virtual ~VifLinks() = default;

  virtual base::Result<std::optional<VifLink>> of(xen::DomId stub, uint8_t nic) = 0;

  // It may be up: a Linux before 6.2 wants it down, and then it is down for a moment.
  virtual base::Result<> rename(const VifLink &link, const std::string &name) = 0;

  virtual base::Result<> take_down(const VifLink &link) = 0;

  // It becomes a port of the same bridge of Linux' own, if `other` is of one, with the same MTU;
  // and it is up if that one is.
  virtual base::Result<> join_like(const VifLink &link, const VifLink &other) = 0;

  // Waits until no interface has the name, some seconds at most: netback takes a moment to remove
  // one. An error with code EEXIST if one has it still.
  virtual base::Result<> await_free(const std::string &name) = 0;
};

class KernelVifLinks final : public VifLinks {
public:
  base::Result<std::optional<VifLink>> of(xen::DomId stub, uint8_t nic) override;
  base::Result<> rename(const VifLink &link, const std::string &name) override;
  base::Result<> take_down(const VifLink &link) override;
  base::Result<> join_like(const VifLink &link, const VifLink &other) override;
  base::Result<> await_free(const std::string &name) override;
};

} // namespace linstub::stubdom
