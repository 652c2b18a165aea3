// SPDX-License-Identifier: MIT
// The hypervisor as xen::Control sees it (libxenctrl, and libxencall for what that has not):
// domains that a test makes, and a list of what was done to them. As long as one lives, it is the
// process's.
//
//     fake::Xen xen;
//     xen.domains[5] = {};
//     xen.fail("pause", EPERM);
//     auto control = xen::Control::open().value();
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::fake {

class Xen {
public:
  struct Domain {
    unsigned pauses = 0;
    bool dying = false;
    std::optional<unsigned> shutdown = std::nullopt; // SHUTDOWN_* of Xen's public/sched.h
    uint64_t pages = 0;
    // It waits for its device model: a suspend is complete after so many looks only.
    unsigned looks_until_suspended = 0;
    std::array<uint8_t, 16> uuid{};
    unsigned destructions_survived = 0; // it goes with the next one
  };

  Xen();
  ~Xen();
  Xen(const Xen &) = delete;
  Xen &operator=(const Xen &) = delete;

  // The next call of this name fails.
  void fail(const std::string &name, int code) { failures_[name] = code; }

  std::map<uint32_t, Domain> domains;
  bool has_iommu = true;
  // Whose a PCI device is to Xen, by the number that the hypercall has; dom0's if it is not here.
  std::map<uint32_t, uint32_t> pci_owners;
  int version = 4 << 16 | 20;
  uint32_t cpus = 4;
  // "pause 5", "shutdown 5 3", "ports 5 0xc200 32 1", in the order in which they came. Questions
  // are not among them.
  std::vector<std::string> calls;

  // For the functions of Xen's libraries: notes a call, sets errno and returns -1 if it is to fail,
  // or there is no such domain.
  int note(std::string_view name, uint32_t domid, std::string_view rest = {});
  // The same without a note.
  int check(std::string_view name, uint32_t domid);

private:
  std::map<std::string, int, std::less<>> failures_;
};

// The one that lives now; the test fails if there is none.
Xen &the_xen();

} // namespace linstub::fake
