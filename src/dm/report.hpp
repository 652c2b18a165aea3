// SPDX-License-Identifier: MIT
// Report: the sentence that says why a guest does not start, in front of who wants to know.
#pragma once

#include <sys/types.h>

#include <string>

namespace linstub::dm {

// The process that started linstub-dm: while a guest starts, libxl's monitor of the device model,
// which has the standard error of `xl create`. Call it first of all.
pid_t starter();

// Logs the sentence, and writes it to the starter's standard error too, if that still waits: libxl
// itself says only that the device model has failed.
void report(pid_t starter, const std::string &sentence);

} // namespace linstub::dm
