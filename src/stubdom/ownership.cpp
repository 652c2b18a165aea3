// SPDX-License-Identifier: MIT
#include "stubdom/ownership.hpp"

#include "base/fd.hpp"
#include "run/directory.hpp"
#include "wire/paths.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace linstub::stubdom {
namespace {

using base::Result;

std::vector<xen::Uuid> recorded(xen::DomId guest) {
  std::vector<xen::Uuid> all;
  const std::string start = run::path_of(guest, run::stub_record);
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(run::directory(), error)) {
    const std::string path = entry.path().string();
    if (!path.starts_with(start))
      continue;
    if (auto uuid = xen::parse_uuid(std::string_view(path).substr(start.size())))
      all.push_back(*uuid);
  }
  return all;
}

// Those that are not gone.
Result<std::vector<xen::DomainInfo>> living(xen::Control &control) {
  auto all = TRY(control.domains());
  std::erase_if(
      all, [](const xen::DomainInfo &domain) { return domain.dying || domain.domid == xen::dom0; });
  return all;
}

} // namespace

std::string record_path(xen::DomId guest, const xen::Uuid &uuid) {
  return run::path_of(guest, base::format("{}{}", run::stub_record, xen::text(uuid)));
}

Result<xen::Uuid> announce_stub_domain(xen::DomId guest) {
  const xen::Uuid uuid = TRY(xen::new_uuid());
  TRY(run::make_directory());
  TRY(base::open_file(record_path(guest, uuid), O_WRONLY | O_CREAT | O_EXCL));
  return uuid;
}

Result<std::vector<xen::DomId>> stub_domains_of(xen::DomId guest, xen::Control &control,
                                                xen::Xenstore &xenstore) {
  const std::vector<xen::Uuid> records = recorded(guest);
  const std::string number = std::to_string(xen::number(guest));
  std::vector<xen::DomId> found;
  for (const xen::DomainInfo &domain : TRY(living(control))) {
    const std::string owner =
        base::format("{}/{}", xen::domain_path(domain.domid), wire::owner_node);
    if (std::ranges::contains(records, domain.uuid) ||
        TRY(xenstore.read_if_there(owner, 16)) == number)
      found.push_back(domain.domid);
  }
  return found;
}

Result<> forget_gone(xen::DomId guest, xen::Control &control) {
  const auto domains = TRY(living(control));
  for (const xen::Uuid &uuid : recorded(guest)) {
    if (!std::ranges::contains(domains, uuid, &xen::DomainInfo::uuid))
      ::unlink(record_path(guest, uuid).c_str());
  }
  return {};
}

} // namespace linstub::stubdom
