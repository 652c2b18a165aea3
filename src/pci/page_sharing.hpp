// SPDX-License-Identifier: MIT
// Who else has something in the pages of a range. Xen gives permission for whole pages, and a range
// may be smaller than one: what lies in the rest of it would go along.
#pragma once

#include "base/result.hpp"
#include "pci/host_pci.hpp"

#include <string_view>

namespace linstub::pci {

// Fails if something else than the device lies in the pages of `range`, which is memory, as
// `iomem`, the text of /proc/iomem, says it, and names it. Such a line is "<blanks><first>-<last> :
// <name>", two blanks for each resource that it lies in (Linux's kernel/resource.c). What the
// range lies in (bus windows, "Reserved", the range of a physical function around those of its
// virtual ones) shares nothing with it; nor does what lies in it. A range that ends with a page
// shares none, and needs no text. One that does not, and that the text does not name as the
// device's, is an error as well: then nothing is known of its neighbours.
base::Result<> check_pages_unshared(std::string_view iomem, const xen::PciAddress &address,
                                    const PciRange &range);

// Whether that has to be asked.
bool fills_its_pages(const PciRange &range);

} // namespace linstub::pci
