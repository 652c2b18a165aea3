// SPDX-License-Identifier: MIT
// linstub-structure CHECKOUT [--update]: draws the structure of src/ from its includes, and checks
// it, and what the documents say of the sources.
//
// Prints the drawing and a sentence for each thing that is wrong; exits with 1 if there is one.
// With --update it puts the drawing into ARCHITECTURE.md and checks nothing.
#include "base/log.hpp"
#include "structure/structure.hpp"

#include <cstdio>

namespace {

using namespace linstub;

int fail(const base::Error &error) {
  base::log_error("{}", error.message());
  return 1;
}

int check(const std::string &checkout) {
  auto report = structure::check(checkout);
  if (!report)
    return fail(report.error());
  std::fputs(report->drawing.c_str(), stdout);
  for (const std::string &sentence : report->wrong)
    std::puts(sentence.c_str());
  return report->wrong.empty() ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-structure", base::LogLevel::info);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1)
    return check(arguments[0]);
  if (arguments.size() == 2 && arguments[1] == "--update") {
    auto updated = structure::update(arguments[0]);
    return updated ? 0 : fail(updated.error());
  }
  base::log_error("usage: linstub-structure CHECKOUT [--update]");
  return 2;
}
