// SPDX-License-Identifier: MIT
// Description: all that linstub-stubdom needs to know to make a stub domain, as JSON between it and
// linstub-dm. Both are ours and of one version; the JSON is parsed strictly nevertheless.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "plan/plan.hpp"
#include "wire/copied_file.hpp"
#include "xen/domain_type.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace linstub::plan {

// What a stub domain is to its guest.
enum class Role : uint8_t {
  first, // the guest starts with it: libxl puts its vifs where the user's networking has them
  next,  // it is to replace the one that serves, and is made beside it. Its name and those of its
         // vifs are others until that one is gone; linstub-stubdom joins them to the networks
};

struct Description {
  xen::DomId guest{};
  std::string name;          // of the stub domain
  std::string image;         // what kernel and file systems are, whatever their paths
  bool may_be_spare = false; // it may be one that is there already
  std::string kernel;        // path
  std::string ramdisk;       // path
  std::string command_line;
  xen::DomainType type = xen::DomainType::pv;
  uint32_t memory = 0;  // MiB
  uint32_t restore = 0; // MiB of it that are for a state, and go back
  uint32_t screen = 0;  // MiB of the largest screen that viewers can see; 0: there are none
  xen::DomainLimits limits;
  std::string log_level;
  std::vector<std::string> arguments; // QEMU's, without argv[0]
  std::vector<disk::Disk> disks;      // those of the copied files among them
  std::vector<wire::CopiedFile> files;
  std::vector<Nic> nics;
  Role role = Role::first;
};

// Whether what was made as `spare`, for no guest, can be what `wanted` is. It may have more memory.
bool suits(const Description &spare, const Description &wanted);

std::string encode(const Description &description);
base::Result<Description> decode_description(std::string_view json);

} // namespace linstub::plan
