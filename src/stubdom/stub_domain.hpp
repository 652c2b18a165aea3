// SPDX-License-Identifier: MIT
// StubDomains: making and removing the stub domain of a guest, by way of libxl. This is what
// linstub-stubdom does; linstub-dm itself does not link libxl.
//
// A stub domain of ours is known to dom0 from before its first moment (ownership.hpp), so that one
// whose linstub-dm is dead, or that was half made or half destroyed, is found.
#pragma once

#include "base/result.hpp"
#include "plan/description.hpp"
#include "run/spares.hpp"
#include "stubdom/vif_link.hpp"
#include "xen/control.hpp"
#include "xen/toolstack.hpp"
#include "xen/xenstore.hpp"

#include <optional>
#include <string>
#include <vector>

namespace linstub::stubdom {

class StubDomains {
public:
  static base::Result<StubDomains> open();

  // Makes the stub domain, gives it its target before it runs, attaches its devices and starts it;
  // or gives all that to a spare one that suits (spares.hpp). If anything fails, nothing is left.
  // `hotplug` is the path of linstub-hotplug.
  base::Result<xen::DomId> create(const plan::Description &description, const std::string &hotplug);

  base::Result<> detach_disk(xen::DomId stub, const std::string &vdev);

  // QEMU has its state: the state disk goes, and Xen gives it no more than `memory` MiB from then
  // on but for viewers.
  base::Result<> finish_restore(xen::DomId stub, uint32_t memory);

  // Gives a stub domain the name, which another domain may be about to give up.
  base::Result<> rename(xen::DomId stub, const std::string &name);

  // It is the guest's one from now on: removes all others, and gives it the names that it is to
  // have.
  base::Result<> settle(xen::DomId stub, const plan::Description &description);

  // Removes every stub domain of the guest (removal.hpp) but one, if one is to stay. That there is
  // none is no error; that one is not gone in the end is.
  base::Result<> destroy_all(xen::DomId guest, std::optional<xen::DomId> but = std::nullopt);

  // Sees to it that there are so many spare stub domains, which are as wanted, and no others;
  // without a count, as many as are ready now. dom0 gives no memory for them.
  base::Result<> keep_spares(std::optional<uint32_t> count, const plan::Description &wanted,
                             const std::string &hotplug);

  // For when linstub-dm has died: the same, and the guest crashes, since nobody serves it now.
  // Again and again until both have succeeded: there is nobody after this one to try it.
  static void rescue(xen::DomId guest);

  // One attempt of libxl to destroy a stub domain, for as long as it takes.
  base::Result<> end(xen::DomId stub);

private:
  StubDomains(xen::Toolstack toolstack, xen::Control control, xen::Xenstore xenstore)
      : toolstack_(std::move(toolstack)), control_(std::move(control)),
        xenstore_(std::move(xenstore)) {}

  base::Result<xen::DomId> make(const plan::Description &description, const std::string &hotplug);
  base::Result<xen::DomId> build(const plan::Description &description, const std::string &name,
                                 const xen::Uuid &uuid, const xen::Xenstore::Nodes &nodes);
  base::Result<xen::DomId> create_new(const plan::Description &description,
                                      const std::string &hotplug);
  base::Result<> adopt(xen::DomId spare, const plan::Description &description,
                       const std::string &hotplug);
  base::Result<> make_room(const plan::Description &description);
  base::Result<xen::DomId> build_spare(const plan::Description &description, const xen::Uuid &uuid);
  base::Result<xen::DomId> or_remove(xen::DomId domid, base::Result<> done);
  base::Result<> make_spare(const plan::Description &wanted, const std::string &hotplug);
  base::Result<std::string> name_of_spare();
  base::Result<> await_init(xen::DomId domid);
  base::Result<> end_spare(run::Spare spare);
  base::Result<> remove(xen::DomId domid);
  base::Result<> wait_for_name(const std::string &name);
  base::Result<> prepare(xen::DomId domid, const plan::Description &description);
  base::Result<> allow_memory(xen::DomId domid, uint32_t memory, uint32_t screen);
  base::Result<> attach(xen::DomId domid, const plan::Description &description,
                        const std::string &hotplug);
  base::Result<std::vector<xen::DomId>> others_of(xen::DomId guest, xen::DomId stub);

  xen::Toolstack toolstack_;
  xen::Control control_;
  xen::Xenstore xenstore_;
  KernelVifLinks links_;
};

} // namespace linstub::stubdom
