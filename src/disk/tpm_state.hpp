// SPDX-License-Identifier: MIT
// The file, or the block device, that the state of a guest's TPM is in: in swtpm's "linear" form,
// which begins with a list of what is in it (its swtpm_nvstore_linear.h).
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace linstub::disk {

// More than swtpm writes of a TPM 2.0, and room to grow: on a block device it cannot ask for more.
constexpr uint64_t tpm_state_size = uint64_t{1} << 20;
// swtpm maps all of it.
constexpr uint64_t largest_tpm_state = uint64_t{16} << 20;

// Makes the file if it is not there: for root alone, all zeros, which is a TPM that was never used.
// What is there is taken if it is of a size between those, and zeros as far as swtpm writes, or a
// TPM's state: it will be written to. A file gets its room in dom0's file system, where that has a
// way to say so: to a guest, a write that fails is a TPM that is broken.
base::Result<> prepare_tpm_state(const std::string &path);

// Drops what a TPM holds only as long as it has power, if it is there: the next guest's would go on
// with it. For who has the lock on the image.
base::Result<> power_off_tpm(const std::string &path);

} // namespace linstub::disk
