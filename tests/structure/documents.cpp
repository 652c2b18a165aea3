// SPDX-License-Identifier: MIT
#include "structure/documents.hpp"

#include "base/format.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace linstub::structure {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view every_run = "every run";
constexpr std::string_view thorough = "thorough";
constexpr std::string_view by_hand = "by hand";

// What stands between backquotes, and whether the word "fuzz" stands before it.
struct Quoted {
  std::string text;
  bool fuzz = false;
};

std::vector<Quoted> backquoted(std::string_view text) {
  std::vector<Quoted> found;
  const std::vector<std::string> parts = split(text, '`');
  for (size_t i = 1; i + 1 < parts.size(); i += 2)
    found.push_back({.text = parts[i], .fuzz = parts[i - 1].ends_with("fuzz ")});
  return found;
}

// One of the checkout's: not one with a wildcard, nor one with a NAME to be filled in.
bool is_path(std::string_view text) {
  return text.contains('/') && !text.starts_with('/') && !text.starts_with("build/") &&
         !text.contains("NAME") &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./") == std::string_view::npos;
}

// When what a row names runs.
struct When {
  bool every_run = false;
  bool thorough = false;
  bool named = false; // it names a test

  void add(const Test &test) {
    named = true;
    every_run = every_run || !test.thorough_only;
    thorough = thorough || test.thorough_only || test.rounds;
  }
};

class Promises {
public:
  explicit Promises(const std::vector<Source> &sources)
      : sources_(sources), tests_(find_tests(sources)) {}

  Sentences check(std::string_view specification) {
    for (const std::string &line : split(specification, '\n')) {
      if (!line.starts_with("| ") || line.starts_with("| promise |"))
        continue;
      const std::vector<std::string> cells = split(line, '|');
      constexpr size_t expected = 5; // with what is before the first bar and after the last
      constexpr size_t longest_quoted = 80;
      if (cells.size() != expected)
        wrong_.push_back(base::format("SPECIFICATION.md: a row does not have three cells: {}",
                                      line.substr(0, longest_quoted)));
      else if (!words(cells[2]).empty())
        check_row(cells[1], cells[2], cells[3]);
    }
    return std::move(wrong_);
  }

  // The tests that a text names.
  Sentences check_names(const std::string &document, std::string_view text) {
    When runs;
    for (const Quoted &one : backquoted(text)) {
      if (!check_name(one, runs))
        wrong_.push_back(
            base::format("{} names the test {}, which is not there", document, one.text));
    }
    return std::move(wrong_);
  }

private:
  void check_row(const std::string &promise, const std::string &held_by, const std::string &when) {
    When runs;
    for (const Quoted &one : backquoted(held_by)) {
      if (!check_name(one, runs))
        wrong_.push_back(
            base::format("SPECIFICATION.md names the test {}, which is not there", one.text));
    }
    if (!when.contains(every_run) && !when.contains(thorough) && !when.contains(by_hand))
      wrong_.push_back(
          base::format("SPECIFICATION.md does not say when this is tried:{}", promise));
    else if (runs.named && (when.contains(every_run) != runs.every_run ||
                            when.contains(thorough) != runs.thorough))
      wrong_.push_back(base::format("SPECIFICATION.md says \"{}\" of what is tried{}{}:{}",
                                    base::join(words(when), " "),
                                    runs.every_run ? " in every run" : "",
                                    runs.thorough ? " in a thorough one" : "", promise));
  }

  // False for a test that is not there. What looks like no test is not looked for.
  bool check_name(const Quoted &one, When &runs) {
    if (one.fuzz)
      return add_file("tests/fuzz/" + one.text + "_fuzz.cpp", runs);
    if (one.text.starts_with("tests/"))
      return add_file(one.text, runs);
    const size_t at = one.text.find_first_of("./");
    if (at == std::string::npos || at == 0 || one.text[0] < 'A' || one.text[0] > 'Z')
      return true;
    return add_tests(one.text.substr(0, at), one.text.substr(at + 1), one.text[at] == '/', runs);
  }

  bool add_file(const std::string &path, When &runs) {
    bool there = false;
    for (const Source &source : sources_) {
      if (source.path != path && !(path.ends_with('/') && source.path.starts_with(path)))
        continue;
      there = true;
      if (!source.path.starts_with("tests/lab/")) // those are named one by one
        runs.named = runs.every_run = true;
    }
    return there;
  }

  bool add_tests(const std::string &suite, const std::string &name, bool parameter, When &runs) {
    bool there = false;
    for (const Test &test : tests_) {
      if (test.suite != suite || (!parameter && name != "*" && name != test.name) ||
          (parameter && name != "*" && !names(test.file, name)))
        continue;
      there = true;
      runs.add(test);
    }
    return there;
  }

  // Whether a source has the text in quotes.
  [[nodiscard]] bool names(const std::string &file, const std::string &text) const {
    const auto source = std::ranges::find(sources_, file, &Source::path);
    return std::ranges::any_of(source->lines, [&](const std::string &line) {
      return line.contains(base::format("\"{}\"", text));
    });
  }

  const std::vector<Source> &sources_;
  std::vector<Test> tests_;
  Sentences wrong_;
};

} // namespace

std::vector<Test> find_tests(const std::vector<Source> &sources) {
  constexpr std::array<std::string_view, 3> openings{"TEST(", "TEST_F(", "TEST_P("};
  std::vector<Test> tests;
  for (const Source &source : sources) {
    std::optional<Test> open;
    for (const std::string &line : source.lines) {
      for (const std::string_view opening : openings) {
        const size_t comma = line.find(", ");
        if (!line.starts_with(opening) || comma == std::string::npos)
          continue;
        open = Test{.file = source.path,
                    .suite = line.substr(opening.size(), comma - opening.size()),
                    .name = line.substr(comma + 2, line.find(')') - comma - 2)};
      }
      if (!open)
        continue;
      open->thorough_only = open->thorough_only || line.contains("ONLY_WHEN_THOROUGH()");
      open->rounds = open->rounds || line.contains("rounds(");
      if (line.ends_with('}') && (line.starts_with('}') || line.starts_with("TEST"))) {
        tests.push_back(*open);
        open.reset();
      }
    }
  }
  return tests;
}

Sentences check_promises(std::string_view specification, const std::vector<Source> &sources) {
  return Promises(sources).check(specification);
}

Sentences check_named_tests(const std::string &document, std::string_view text,
                            const std::vector<Source> &sources) {
  return Promises(sources).check_names(document, text);
}

Sentences check_named_files(const std::string &document, std::string_view text,
                            const fs::path &checkout) {
  Sentences wrong;
  for (const Quoted &one : backquoted(text)) {
    const std::string &path = one.text;
    const bool of_ours = path.ends_with(".cpp") || path.ends_with(".hpp") ||
                         path.starts_with("src/") || path.starts_with("tests/") ||
                         path.starts_with("config/") || path.starts_with("docs/");
    std::error_code error;
    if (is_path(path) && of_ours && !fs::exists(checkout / path, error) &&
        !fs::exists(checkout / "src" / path, error))
      wrong.push_back(base::format("{} names {}, which is not there", document, path));
  }
  return wrong;
}

Sentences check_folders_told(std::string_view architecture, const Arrows &arrows) {
  Sentences wrong;
  for (const auto &[folder, to] : arrows) {
    if (!architecture.contains(base::format("`src/{}/`", folder)))
      wrong.push_back(base::format("ARCHITECTURE.md does not tell of src/{}/", folder));
  }
  return wrong;
}

} // namespace linstub::structure
