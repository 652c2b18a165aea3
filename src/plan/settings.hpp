// SPDX-License-Identifier: MIT
// What a user can set: for the host in /etc/linstub/linstub.toml, and for one guest in its xl.cfg,
//
//     device_model_args_hvm = [ "-linstub", "memory=96,log-level=debug" ]
//
// with the same keys: those of the file's tables [limits] and [exit], too, without the table's
// name. Unknown keys and bad values are refused with a sentence.
#pragma once

#include "base/log.hpp"
#include "base/result.hpp"
#include "disk/saved_state.hpp"
#include "xen/domain_type.hpp"
#include "xen/limits.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace linstub::plan {

// What of the guest's screen comes to dom0 (ARCHITECTURE, "The way of one key press").
enum class Display : uint8_t {
  bytes,  // what QEMU's VNC server says, for viewers to make something of
  pixels, // pixels, of which a process in dom0 makes what viewers get
};

// Where the stub domain has QEMU from, and all that QEMU needs.
enum class System : uint8_t {
  disk,    // one file of dom0, which all stub domains of the host read
  ramdisk, // packed, in memory of its own
};

struct Settings {
  std::string image = LINSTUB_IMAGE_DIRECTORY; // manifest/stub_image.hpp
  uint32_t memory = 32;                        // MiB of the stub domain
  xen::DomainType type = xen::DomainType::pv;  // of the stub domain, if the guest can have no PCI
  base::LogLevel log_level = base::LogLevel::info;
  std::string kernel_options; // added to the stub domain's kernel command line
  // spin, for linstub-init: "auto", "off" or a number of microseconds (preload/spin.hpp)
  std::string spin = "auto";
  xen::DomainLimits limits; // of the stub domain
  // portable-state: whether a QEMU in dom0 can read the states that are saved. They are what a
  // guest that owns its stub domain wants them to be.
  disk::SavedForm saved_form = disk::SavedForm::marked;
  Display display = Display::bytes;
  System system = System::disk;
  // The file of dom0, or the block device, with the state of the guest's TPM 2.0; empty: it has
  // none.
  std::string tpm;
  uint32_t spares = 0; // stub domains that are there before a guest asks for one
  uint64_t largest_disk = uint64_t{2} << 40; // bytes: see disk/disk_image.hpp
};

constexpr const char *settings_file = LINSTUB_SETTINGS_FILE;
constexpr uint32_t least_memory = 28; // MiB: with 26, QEMU does not come up in time
constexpr uint32_t most_memory = 4096;
constexpr uint32_t most_spares = 16;

// Sets one value. The error names the key and, for an unknown one, those that are known.
base::Result<> set(Settings &settings, std::string_view key, std::string_view value);

// "key=value,key=value" of a -linstub argument.
base::Result<> set_all(Settings &settings, std::string_view options);

// The host's settings; the defaults if the file is not there. What can only be one guest's, tpm, is
// refused there.
base::Result<Settings> load_settings(const std::string &path);

} // namespace linstub::plan
