// SPDX-License-Identifier: MIT
// The order of the folders of src/, from the bottom up. This is the one place where it stands;
// ARCHITECTURE.md says why it is so.
#pragma once

#include <array>
#include <string_view>

namespace linstub::structure {

// A folder includes its own files and those of the folders named here, and no others. They stand
// above it in the table, so no arrow runs back up and there is no circle.
struct Place {
  std::string_view folder;
  std::string_view may_include; // words
};

inline constexpr std::array places{
    Place{"base", ""},
    Place{"sys", "base"},
    Place{"xen", "base"},
    Place{"wire", "base"},
    Place{"qmp", "base"},
    Place{"cache", "base"},
    Place{"manifest", "base"},
    // What runs in the stub domain knows nothing of dom0's side but the protocol; what is loaded
    // into QEMU, nothing of ours at all.
    Place{"preload", ""},
    Place{"stub", "base sys xen wire"},
    // dom0's side.
    Place{"run", "base sys xen wire qmp"},
    Place{"pci", "base sys xen wire qmp"},
    Place{"disk", "base sys xen wire qmp run pci"},
    // The guest's screen: a program of its own.
    Place{"display", "base sys xen"},
    Place{"plan", "base sys xen wire qmp manifest run pci disk"},
    Place{"stubdom", "base sys xen wire qmp manifest run pci disk plan"},
    // linstub-dm: what it does with its rights in dom0, and the device model, which has none.
    Place{"broker", "base sys xen wire qmp manifest run pci disk plan"},
    Place{"dm", "base sys xen wire qmp manifest run pci disk display plan broker"},
    // What makes the image and tries it.
    Place{"image", "base wire cache manifest"},
    Place{"lab", "base sys wire cache manifest image"},
    // What is measured in it.
    Place{"bench", "base lab"},
    // The command for people. It talks to linstub-dm; it includes nothing of it.
    Place{"cli", "base sys xen wire cache manifest run pci disk image lab bench"},
};

} // namespace linstub::structure
