// SPDX-License-Identifier: MIT
// Toolstack: domains by way of libxl. For short-lived programs: libxl is large, logs to standard
// error, and its calls block for as long as hotplug scripts take.
#pragma once

#include "base/result.hpp"
#include "xen/domain_type.hpp"
#include "xen/domid.hpp"
#include "xen/limits.hpp"
#include "xen/uuid.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct libxl__ctx; // NOLINT(bugprone-reserved-identifier): libxl names it so
struct xentoollog_logger;

namespace linstub::xen {

// A domain that boots a kernel and a ramdisk of dom0.
struct NewDomain {
  DomainType type = DomainType::pv;
  std::string name;
  Uuid uuid{};         // Xen knows it by this from its first moment to its last
  std::string kernel;  // path
  std::string ramdisk; // path
  std::string command_line;
  uint32_t memory = 0;        // MiB
  uint32_t paging_memory = 0; // MiB, with pvh: for Xen's tables of what the domain has and maps
  DomainLimits limits;
  // Nodes written together with the domain's first, below /local/domain/<domid>.
  std::vector<std::pair<std::string, std::string>> nodes;
};

class Toolstack {
public:
  static base::Result<Toolstack> open();

  // Makes a domain and leaves it paused.
  base::Result<DomId> create(const NewDomain &domain);

  // Takes a disk away, by force if the domain does not let go of it. That there is none of that
  // name is no error.
  base::Result<> remove_disk(DomId domid, const std::string &vdev);

  base::Result<> unpause(DomId domid);

  // Ends a domain at once and removes its devices and nodes.
  base::Result<> destroy(DomId domid);

  base::Result<> rename(DomId domid, const std::string &name);

  base::Result<std::optional<DomId>> find(const std::string &name);

  // Has `xl list -l` pass the domain by, as it does the stub domains that libxl makes itself: by
  // libxl's record of its configuration, which is put aside. By that list Debian's and Xen's own
  // xendomains find what they have to save or shut down; and `xl save` and `xl migrate` refuse a
  // domain without such a record. Neither libxl nor xl then add devices to it.
  base::Result<> unlist(DomId domid);

  // The host's memory, in MiB: what no domain has, and what of that domains have not got yet which
  // are being made (of a guest its device model fills some, for a screen and ROMs).
  struct Room {
    uint64_t free = 0;
    uint64_t owed = 0;

    [[nodiscard]] bool has(uint64_t need) const { return free >= need + owed; }
  };
  base::Result<Room> room();

  // Sees to it that there is room for `need` MiB more: takes from dom0 what is missing, if that may
  // be (ballooning.hpp).
  base::Result<> make_room(uint32_t need);

private:
  bool may_take_dom0s_memory();
  bool take_from_dom0(uint64_t missing, uint64_t want); // MiB
  struct Close {
    void operator()(libxl__ctx *context) const;
    void operator()(xentoollog_logger *logger) const;
  };
  using Logger = std::unique_ptr<xentoollog_logger, Close>;
  using Context = std::unique_ptr<libxl__ctx, Close>;
  Toolstack(Logger logger, Context context)
      : logger_(std::move(logger)), context_(std::move(context)) {}

  Logger logger_; // libxl uses it to the end
  Context context_;
};

} // namespace linstub::xen
