// SPDX-License-Identifier: MIT
// docs/xl.cfg.md: the table, and what the sources answer to it.
#pragma once

#include "served/table.hpp"
#include "structure/checks.hpp"

#include <optional>
#include <string>
#include <vector>

namespace linstub::served {

// The sentence with which a row's option is refused: by the planner, the table of PV backends, that
// of QMP commands, or the toolstack. None: it is served.
std::optional<std::string> refusal(const Row &row);

// A sentence for each row that has no test though it is served, or names tests though it is
// refused; whether the tests are there the structure's check says.
structure::Sentences check_rows(std::span<const Section> sections);

std::string render();

} // namespace linstub::served
