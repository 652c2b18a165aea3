// SPDX-License-Identifier: MIT
// What the documents say of the sources: the tests that SPECIFICATION.md names, and when they run;
// the files that any document names.
#pragma once

#include "structure/checks.hpp"

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::structure {

// A test as it stands in a source.
struct Test {
  std::string file;
  std::string suite;
  std::string name;
  bool thorough_only = false; // an ordinary run skips it: ONLY_WHEN_THOROUGH
  bool rounds = false;        // LINSTUB_ROUNDS makes it do more
};
std::vector<Test> find_tests(const std::vector<Source> &sources);

// Each row of SPECIFICATION.md's table is a promise, what holds it, and when that runs. A test is
// named as `Suite.Name`, `Suite.*`, `Suite/Parameter`, `Suite/*`, or by its file or directory below
// tests/; a fuzz target as fuzz `name`. It has to be there. Of when it runs, "every run" stands in
// the row if one of them runs each time, "thorough" if one of them does so, or does more, only
// then.
Sentences check_promises(std::string_view specification, const std::vector<Source> &sources);

// Whether the tests are there that stand between backquotes in a text, named as above: a sentence
// for each that is not.
Sentences check_named_tests(const std::string &document, std::string_view text,
                            const std::vector<Source> &sources);

// Paths in backquotes, below the checkout or below src/, are there.
Sentences check_named_files(const std::string &document, std::string_view text,
                            const std::filesystem::path &checkout);

// ARCHITECTURE.md tells of each folder of src/, as `src/name/`.
Sentences check_folders_told(std::string_view architecture, const Arrows &arrows);

} // namespace linstub::structure
