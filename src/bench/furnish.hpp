// SPDX-License-Identifier: MIT
// What contenders and groups need on the host, beside what a stage has.
#pragma once

#include "bench/run.hpp"
#include "lab/stage.hpp"

#include <filesystem>

namespace linstub::bench {

// Files of this machine that are not Linstub's to give.
struct Furniture {
  std::filesystem::path minios;     // a directory, for the contender minios (minios.hpp)
  std::filesystem::path image_qemu; // a program, for the contender image-qemu
};

// Whether they are there, as far as they are wanted. The error says what to do.
base::Result<> check(const Furniture &furniture, const std::vector<Contender> &contenders);

// Puts what is wanted on the stage's host: those files, the guest's CD, the guest with PV drivers
// and an image for it.
base::Result<> furnish(lab::Stage &stage, const RunOptions &run, const Furniture &furniture);

// Takes from the host what is not a stage's.
base::Result<> clear(const lab::Host &host, const RunOptions &run);

} // namespace linstub::bench
