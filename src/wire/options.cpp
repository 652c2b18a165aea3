// SPDX-License-Identifier: MIT
#include "wire/options.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

namespace linstub::wire {
namespace {

// The text up to a single comma, with double commas made single; removes it from `text`.
std::string take_part(std::string_view &text) {
  std::string part;
  while (!text.empty()) {
    if (text.starts_with(",,")) {
      text.remove_prefix(1);
    } else if (text.starts_with(',')) {
      text.remove_prefix(1);
      break;
    }
    part.push_back(text.front());
    text.remove_prefix(1);
  }
  return part;
}

void append_escaped(std::string &text, std::string_view value) {
  for (char c : value)
    text.append(c == ',' ? 2 : 1, c);
}

} // namespace

Options Options::parse(std::string_view text) {
  Options options;
  bool first = true;
  while (!text.empty()) {
    Item item{.key = take_part(text), .value = std::nullopt};
    if (size_t equals = item.key.find('='); equals != std::string::npos) {
      item.value = item.key.substr(equals + 1);
      item.key.resize(equals);
    }
    if (std::exchange(first, false) && !item.value)
      options.leader_ = std::move(item.key);
    else
      options.items_.push_back(std::move(item));
  }
  return options;
}

std::optional<std::string> Options::get(std::string_view key) const {
  for (const Item &item : items_ | std::views::reverse) {
    if (item.key == key)
      return item.value;
  }
  return std::nullopt;
}

std::string Options::get_or(std::string_view key, std::string_view otherwise) const {
  return get(key).value_or(std::string(otherwise));
}

std::string Options::get_implied(std::string_view key) const {
  return get_or(key, leader_.value_or("")); // the key comes later, if it is there too
}

void Options::set(std::string_view key, std::string_view value) {
  auto found = std::ranges::find(items_, key, &Item::key);
  if (found != items_.end())
    found->value = value;
  else
    items_.push_back({.key = std::string(key), .value = std::string(value)});
}

void Options::remove(std::string_view key) {
  std::erase_if(items_, [&](const Item &item) { return item.key == key; });
}

std::string Options::text() const {
  std::string text;
  if (leader_)
    append_escaped(text, *leader_);
  for (const Item &item : items_) {
    if (leader_ || &item != &items_.front())
      text.push_back(',');
    append_escaped(text, item.key);
    if (item.value) {
      text.push_back('=');
      append_escaped(text, *item.value);
    }
  }
  return text;
}

} // namespace linstub::wire
