// SPDX-License-Identifier: MIT
// QEMU's "key=value,key=value" option strings, where ",," stands for a comma in a value. A first
// part without "=" is the value of an implied key ("e1000,id=nic0"); a later one is a flag.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::wire {

class Options {
public:
  static Options parse(std::string_view text);

  // The value of the first part, if it has no key.
  [[nodiscard]] const std::optional<std::string> &leader() const { return leader_; }

  [[nodiscard]] std::optional<std::string> get(std::string_view key) const; // the last one wins
  [[nodiscard]] std::string get_or(std::string_view key, std::string_view otherwise) const;

  // The value of the implied key: of the key, or of a first part without one. Empty if there is
  // neither.
  [[nodiscard]] std::string get_implied(std::string_view key) const;

  void set_leader(std::string value) { leader_ = std::move(value); }
  void set(std::string_view key, std::string_view value); // replaces, or appends
  void remove(std::string_view key);

  struct Item {
    std::string key;
    std::optional<std::string> value; // none for a flag
  };
  [[nodiscard]] const std::vector<Item> &items() const { return items_; }

  [[nodiscard]] std::string text() const;

private:
  std::optional<std::string> leader_;
  std::vector<Item> items_;
};

} // namespace linstub::wire
