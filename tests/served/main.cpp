// SPDX-License-Identifier: MIT
// linstub-served CHECKOUT [--update]: whether docs/xl.cfg.md says what the sources do.
//
// Prints a sentence for each thing that is wrong, and exits with 1 if there is one. With --update
// it writes the document and checks nothing.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "served/document.hpp"
#include "structure/documents.hpp"

#include <cstdio>
#include <filesystem>

namespace {

using namespace linstub;
namespace fs = std::filesystem;

constexpr const char *document = "docs/xl.cfg.md";
constexpr size_t largest_document = size_t{1} << 20;

base::Result<structure::Sentences> check(const fs::path &checkout) {
  const std::string now = served::render();
  structure::Sentences wrong = served::check_rows(served::sections());
  const auto sources = TRY(structure::read_sources(checkout));
  const auto names = structure::check_named_tests(document, now, sources);
  wrong.insert(wrong.end(), names.begin(), names.end());
  if (TRY(base::read_file(checkout / document, largest_document)) != now)
    wrong.push_back(base::format(
        "{} does not say what the sources do: cmake --build BUILD --target served", document));
  return wrong;
}

int fail(const base::Error &error) {
  base::log_error("{}", error.message());
  return 1;
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-served", base::LogLevel::info);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[1] == "--update") {
    auto written = base::replace_file(fs::path(arguments[0]) / document, served::render());
    return written ? 0 : fail(written.error());
  }
  if (arguments.size() != 1) {
    base::log_error("usage: linstub-served CHECKOUT [--update]");
    return 2;
  }
  auto wrong = check(arguments[0]);
  if (!wrong)
    return fail(wrong.error());
  for (const std::string &sentence : *wrong)
    std::puts(sentence.c_str());
  return wrong->empty() ? 0 : 1;
}
