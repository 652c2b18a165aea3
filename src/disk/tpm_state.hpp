// SPDX-License-Identifier: MIT
// The file, or the block device, that the state of a guest's TPM is in.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace linstub::disk {

// More than swtpm writes of a TPM 2.0: its memory (131,072 bytes), what is lost with its power, and
// room to grow. On a block device swtpm cannot ask for more.
constexpr uint64_t tpm_state_size = uint64_t{1} << 20;

// Makes the file if it is not there: for root alone, all zeros, which is a TPM that was never used.
// What is there is taken if it is of that size or more, and zeros or a TPM's state: it will be
// written to.
base::Result<> prepare_tpm_state(const std::string &path);

} // namespace linstub::disk
