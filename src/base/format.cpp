// SPDX-License-Identifier: MIT
#include "base/format.hpp"

#include <algorithm>
#include <charconv>

namespace linstub::base::detail {
namespace {

void append(std::string &out, const Argument &argument, const Spec &spec) {
  if (argument.is_text) {
    out.append(argument.text);
    return;
  }
  std::array<char, 24> digits;
  int base = spec.type == 'd' ? 10 : 16;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), argument.number, base).ptr;
  auto size = static_cast<size_t>(end - digits.data());
  if (spec.type == 'X')
    std::transform(digits.data(), end, digits.data(),
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  size_t before = out.size();
  if (argument.negative)
    out.push_back('-');
  if (spec.prefix && base == 16)
    out.append(spec.type == 'X' ? "0X" : "0x");
  size_t taken = out.size() - before + size;
  out.append(spec.width - std::min<size_t>(spec.width, taken), '0');
  out.append(digits.data(), size);
}

} // namespace

std::string format_arguments(std::string_view text, std::span<const Argument> arguments) {
  std::string out;
  while (!text.empty()) {
    size_t brace = std::min(text.find_first_of("{}"), text.size());
    out.append(text.substr(0, brace));
    text.remove_prefix(brace);
    if (text.empty())
      break;
    if (text.starts_with("{{") || text.starts_with("}}")) {
      out.push_back(text.front());
      text.remove_prefix(2);
      continue;
    }
    size_t end = text.find('}'); // the compiler has checked that it is there
    Spec spec;
    parse_spec(text.substr(1, end - 1), spec);
    append(out, arguments.front(), spec);
    arguments = arguments.subspan(1);
    text.remove_prefix(end + 1);
  }
  return out;
}

} // namespace linstub::base::detail

std::string linstub::base::join(std::span<const std::string> items, std::string_view between) {
  std::string text;
  for (const std::string &item : items)
    text.append(&item == items.data() ? "" : between).append(item);
  return text;
}
