// SPDX-License-Identifier: MIT
// Contenders: the ways in which the same guest can have a device model, measured in turn.
#pragma once

#include "base/result.hpp"
#include "lab/guest_run.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::bench {

// What a contender has, and a metric needs: bits.
namespace has {
constexpr unsigned stub_domain = 1;
constexpr unsigned linux_stub = 2;  // linstub-init runs in it, and says how far it is
constexpr unsigned ahci = 4;        // its QEMU knows AHCI
constexpr unsigned direct_boot = 8; // a guest can have its kernel from dom0
constexpr unsigned save = 16;       // libxl saves and restores its guests through QMP
constexpr unsigned linstub = 32;    // its device model can be replaced, its stub domain tells more
constexpr unsigned pv_qcow2 = 64;   // a guest's PV driver can have a qcow2 image of it
constexpr unsigned screen = 128;    // a VNC server that is its own
constexpr unsigned tcp = 256;       // a guest's TCP connection gets through its emulated NIC
constexpr unsigned new_stub = 512;  // its stub domain is made when the guest is
} // namespace has

struct Contender {
  std::string name; // in samples and options
  std::string what; // for people
  lab::DeviceModel device_model;
  unsigned has = 0;
  std::string settings; // Linstub's, for its guests: "spin=off,memory=64"
};

// The contender that has the image's own QEMU, in dom0: the same program at another place. Where
// the host has it, once furnish() has put it there (furnish.hpp).
constexpr std::string_view image_qemu = "image-qemu";
constexpr const char *image_qemu_path = "/lab/image-qemu/qemu-system-i386";

// Further lines of the xl.cfg of its guests.
std::vector<std::string> lines_for(const Contender &contender);

// How many spare stub domains its guests' settings want to be there before they start.
unsigned spares_of(const Contender &contender);

// What all others are compared with.
constexpr std::string_view reference = "dom0";

std::span<const Contender> contenders();

// Null if there is none. Linstub may be there several times, with other settings each:
// "linstub:spin=off". A plus stands between two settings.
std::optional<Contender> find_contender(std::string_view name);

// For people: "dom0, linstub, ...".
std::string contender_names();

// Of a list with commas: "dom0,linstub,linstub:spin=off+memory=64".
base::Result<std::vector<Contender>> parse_contenders(std::string_view list);

// The order in a round, from 1 on: each contender is in each place as often as any other, so that
// what drifts while they are measured favours none.
std::vector<Contender> order_in(uint32_t round, std::vector<Contender> contenders);

} // namespace linstub::bench
