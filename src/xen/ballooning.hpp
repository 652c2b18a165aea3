// SPDX-License-Identifier: MIT
// Whether dom0's memory may be taken for a domain that is to be made. That is a toolstack's
// decision, by a setting of its own: xl's is "autoballoon" in xl.conf (xl.conf(5)), libvirt's the
// same word in its libxl.conf.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::xen {

// The settings' files, where Debian has them.
std::vector<std::filesystem::path> autoballoon_files();

// What such a file says of a key ("autoballoon"); nothing if it says nothing, or is not there.
std::optional<std::string> toolstack_setting(const std::filesystem::path &file, const char *key);

// What xl and libvirt make of it. Off in one of them is off: a stub domain does not know by which
// of them its guest is made. "auto", or no word: unless dom0 has an amount of memory of its own, by
// dom0_mem= on the hypervisor's command line.
bool may_balloon(const std::vector<std::optional<std::string>> &settings,
                 std::string_view hypervisor_options);

} // namespace linstub::xen
