// SPDX-License-Identifier: MIT
#include "image/copyright.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace linstub::image {
namespace {

using base::fail;
using base::Result;

constexpr std::string_view format_address =
    "www.debian.org/doc/packaging-manuals/copyright-format/1.0";
constexpr size_t longest_short_name = 200;
constexpr size_t most_licences = 256;
constexpr size_t longest_quote = 64; // in an error

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// The fields of a paragraph, each with what stands in its first line; names in lower case.
using Paragraph = std::map<std::string, std::string_view, std::less<>>;

Result<> add_field(Paragraph &paragraph, std::string_view line) {
  const size_t colon = line.find(':');
  std::string name(line.substr(0, colon));
  auto wrong = [](char c) { return c <= ' ' || c > '~'; };
  if (colon == 0 || colon == std::string_view::npos || std::ranges::any_of(name, wrong))
    return fail("\"{}\" is not a field", base::printable(line, longest_quote));
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  if (!paragraph.emplace(std::move(name), trimmed(line.substr(colon + 1))).second)
    return fail("\"{}\" is there twice", base::printable(line.substr(0, colon), longest_quote));
  return {};
}

// Takes the next paragraph off `text`; an empty one is its end.
Result<Paragraph> take_paragraph(std::string_view &text, size_t &line_number) {
  Paragraph paragraph;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line_number++;
    if (trimmed(line).empty()) {
      if (!paragraph.empty())
        break;
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (paragraph.empty())
        return fail("line {} goes on with a field, but none has begun", line_number);
    } else if (line.front() != '#') {
      TRY(add_field(paragraph, line).transform_error(base::doing("line {}", line_number)));
    }
  }
  return paragraph;
}

Result<> check_format(const Paragraph &header) {
  const auto field = header.find("format");
  std::string_view address = field == header.end() ? "" : field->second;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (address.starts_with(scheme))
      address.remove_prefix(scheme.size());
  }
  if (address.ends_with('/'))
    address.remove_suffix(1);
  if (address != format_address)
    return fail("it is not in the machine-readable format 1.0");
  return {};
}

Result<> check_short_name(std::string_view name) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" .,+-_~/()").contains(c);
  };
  if (name.empty() || name.size() > longest_short_name || !std::ranges::all_of(name, allowed))
    return fail("\"{}\" is not the short name of a licence", base::printable(name, longest_quote));
  return {};
}

} // namespace

Result<std::vector<std::string>> licences_in(std::string_view copyright) {
  if (copyright.size() > largest_copyright)
    return fail("it has more than {} bytes", largest_copyright);
  size_t line = 0;
  std::set<std::string, std::less<>> licences;
  // The header may name a licence of the whole; a paragraph of files has to.
  const Paragraph header = TRY(take_paragraph(copyright, line));
  TRY(check_format(header));
  for (Paragraph paragraph = header; !paragraph.empty();
       paragraph = TRY(take_paragraph(copyright, line))) {
    const auto licence = paragraph.find("license");
    if (licence == paragraph.end()) {
      if (paragraph.contains("files"))
        return fail("the files above line {} have no licence", line);
    } else if (paragraph.contains("files") || paragraph.contains("format")) {
      TRY(check_short_name(licence->second).transform_error(base::doing("above line {}", line)));
      licences.emplace(licence->second);
      if (licences.size() > most_licences)
        return fail("it names more than {} licences", most_licences);
    }
  }
  if (licences.empty())
    return fail("it names no licence");
  return std::vector<std::string>(licences.begin(), licences.end());
}

} // namespace linstub::image
