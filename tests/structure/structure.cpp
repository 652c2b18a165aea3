// SPDX-License-Identifier: MIT
#include "structure/structure.hpp"

#include "base/fd.hpp"
#include "structure/documents.hpp"
#include "structure/drawing.hpp"
#include "structure/links.hpp"

#include <algorithm>

namespace linstub::structure {
namespace fs = std::filesystem;

namespace {

using base::Result;

constexpr size_t largest_document = size_t{1} << 20;
constexpr const char *architecture = "ARCHITECTURE.md";
constexpr const char *specification = "SPECIFICATION.md";

Result<std::string> read_document(const fs::path &file) {
  return base::read_file(file, largest_document);
}

Result<std::vector<fs::path>> find_documents(const fs::path &checkout) {
  std::vector<fs::path> found;
  for (const fs::path &directory : {checkout, checkout / "docs"}) {
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(directory, error)) {
      if (entry.path().extension() == ".md")
        found.push_back(entry.path());
    }
    if (error)
      return base::fail("list {}: {}", directory.string(), error.message());
  }
  std::ranges::sort(found);
  return found;
}

} // namespace

Result<Report> check(const fs::path &checkout) {
  const std::vector<Source> sources = TRY(read_sources(checkout));
  const Arrows all = arrows(sources);
  Report report;
  auto add = [&](const Sentences &more) {
    report.wrong.insert(report.wrong.end(), more.begin(), more.end());
  };
  const Sentences circles = check_circles(all);
  add(check_order(sources, places));
  add(circles);
  add(check_links(TRY(read_links(checkout)), all));
  add(check_sizes(sources));
  add(check_licences(sources));
  add(check_comments(sources));
  const std::string text = TRY(read_document(checkout / architecture));
  add(check_folders_told(text, all));
  if (circles.empty()) {
    const std::vector<Row> now = rows(sources);
    report.drawing = draw(now);
    add(check_drawing(TRY(find_drawing(text).transform_error(base::doing("{}", architecture))),
                      now));
  }
  add(check_promises(TRY(read_document(checkout / specification)), sources));
  for (const fs::path &file : TRY(find_documents(checkout)))
    add(check_named_files(file.lexically_relative(checkout).string(), TRY(read_document(file)),
                          checkout));
  return report;
}

Result<> update(const fs::path &checkout) {
  const std::vector<Source> sources = TRY(read_sources(checkout));
  if (const Sentences circles = check_circles(arrows(sources)); !circles.empty())
    return base::fail("there is nothing to draw: {}", circles.front());
  const fs::path file = checkout / architecture;
  const std::string text = TRY(read_document(file));
  const std::string changed = TRY(
      replace_drawing(text, draw(rows(sources))).transform_error(base::doing("{}", architecture)));
  return base::replace_file(file, changed);
}

} // namespace linstub::structure
