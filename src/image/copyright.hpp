// SPDX-License-Identifier: MIT
// Debian's copyright files, those of them that are machine-readable:
// https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace linstub::image {

constexpr size_t largest_copyright = size_t{1} << 20;

// The licences of a work: the short names that the header and the paragraphs of files give, as they
// stand there ("GPL-2+", "LGPL-2.1 or BSD-2-clause"), sorted, each once. Paragraphs that only tell
// a licence's text do not count. Nothing is guessed: a file in another format, or one that breaks
// the rules of this one, or has a paragraph of files whose licence has no short name, is an error.
base::Result<std::vector<std::string>> licences_in(std::string_view copyright);

} // namespace linstub::image
