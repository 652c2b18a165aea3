// SPDX-License-Identifier: MIT
// format(): std::format for text and whole numbers, without what that drags in.
//
// One call of std::format links locales, floating-point tables and wide characters: a megabyte in
// a static program, and linstub-init's megabytes are memory of every stub domain. Calls whose
// arguments are all text, characters, bools, integers or enums with a std::formatter take the small
// way; others are passed to std::format. Both are checked at compile time. Placeholders of the
// small way: {}, {:x}, {:X}, with # and a zero-padded width ({:#x}, {:02x}, {:03}).
//
// The rule: call base::format, here and everywhere. std::format is for a placeholder that it
// refuses (the columns of a table), and only in `linstub`: linstub-init and linstub-dm have nothing
// of it in them, which the tests format/linstub-init and format/linstub-dm look at.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <format>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace linstub::base {

namespace detail {

template <class T>
concept Text = std::convertible_to<const T &, std::string_view>;
template <class T>
concept Plain = Text<T> || std::integral<T> || (std::is_enum_v<T> && std::formattable<T, char>);

// One argument, its type forgotten. Refers to the argument's own memory.
struct Argument {
  std::string_view text;
  uint64_t number = 0;
  bool is_text = false;
  bool negative = false;
};

template <Plain T>
Argument erase(const T &value) {
  if constexpr (Text<T>)
    return {.text = value, .is_text = true};
  else if constexpr (std::same_as<T, bool>)
    return {.text = value ? "true" : "false", .is_text = true};
  else if constexpr (std::same_as<T, char>)
    return {.text = std::string_view(&value, 1), .is_text = true};
  else if constexpr (std::is_enum_v<T>)
    return {.number = static_cast<uint64_t>(std::to_underlying(value))};
  else if constexpr (std::is_signed_v<T>)
    return {.number = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value),
            .negative = value < 0};
  else
    return {.number = value};
}

struct Spec {
  bool prefix = false; // 0x
  bool zeros = false;
  unsigned int width = 0;
  char type = 'd';
};

// Reads what stands between '{' and '}'. False if it is nothing that the small way knows.
constexpr bool parse_spec(std::string_view text, Spec &spec) {
  if (text.empty())
    return true;
  if (text.front() != ':')
    return false;
  text.remove_prefix(1);
  if (text.starts_with('#')) {
    spec.prefix = true;
    text.remove_prefix(1);
  }
  if (text.starts_with('0')) {
    spec.zeros = true;
    text.remove_prefix(1);
  }
  while (!text.empty() && text.front() >= '0' && text.front() <= '9' && spec.width < 100) {
    spec.width = spec.width * 10 + static_cast<unsigned int>(text.front() - '0');
    text.remove_prefix(1);
  }
  if (spec.zeros != (spec.width != 0)) // a width without zeros would need an alignment
    return false;
  if (text == "x" || text == "X" || text == "d") {
    spec.type = text.front();
    text.remove_prefix(1);
  }
  return text.empty();
}

constexpr bool all_plain_specs(std::string_view text) {
  for (size_t at = 0; at < text.size(); at++) {
    if (text[at] == '}' || text.substr(at).starts_with("{{")) {
      at++; // a brace that is meant: the standard's check has made sure that it is doubled
    } else if (text[at] == '{') {
      size_t end = text.find('}', at);
      Spec spec;
      if (!parse_spec(text.substr(at + 1, end - at - 1), spec))
        return false;
      at = end;
    }
  }
  return true;
}

std::string format_arguments(std::string_view text, std::span<const Argument> arguments);

} // namespace detail

// What std::format_string is for std::format. A placeholder that the small way does not know is a
// compile-time error when all arguments are plain: call std::format there.
template <class... Args>
struct BasicFormatString {
  template <class T>
    requires std::convertible_to<const T &, std::string_view>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal has to become one
  consteval BasicFormatString(const T &literal) : text(literal) {
    if constexpr ((detail::Plain<std::remove_cvref_t<Args>> && ...)) {
      if (!detail::all_plain_specs(text.get()))
        throw "base::format does not know this placeholder: call std::format";
    }
  }
  std::format_string<Args...> text;
};
template <class... Args>
using FormatString = BasicFormatString<std::type_identity_t<Args>...>;

template <class... Args>
[[nodiscard]] std::string format(FormatString<Args...> text, Args &&...args) {
  if constexpr ((detail::Plain<std::remove_cvref_t<Args>> && ...)) {
    const std::array<detail::Argument, sizeof...(Args)> arguments{detail::erase(args)...};
    return detail::format_arguments(text.text.get(), arguments);
  } else {
    return std::format(text.text, std::forward<Args>(args)...);
  }
}

std::string join(std::span<const std::string> items, std::string_view between);

// The text without the newlines at its end: of what a command has printed, or of a file of one
// line.
constexpr std::string_view without_end_of_line(std::string_view text) {
  while (text.ends_with('\n'))
    text.remove_suffix(1);
  return text;
}

} // namespace linstub::base
