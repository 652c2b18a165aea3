// SPDX-License-Identifier: MIT
// The cache: directories of what is expensive to make (build root, kernel, QEMU, dom0's disk),
// each named by what it is and a hash of everything it was made from.
//
// It lives outside the checkout: $LINSTUB_CACHE, else $XDG_CACHE_HOME/linstub, else
// ~/.cache/linstub. An entry is made in a temporary directory and renamed when it is whole, so that
// one that exists is complete. Entries of one kind beyond the newest few are removed.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace linstub::cache {

// The hash of a list of inputs. Order counts; names keep one input from passing for another.
class Key {
public:
  Key &add(std::string_view name, std::string_view value);
  base::Result<> add_file(std::string_view name, const std::filesystem::path &path);
  // Every regular file below `directory`, by its relative path and content, in sorted order.
  base::Result<> add_tree(std::string_view name, const std::filesystem::path &directory);

  // 16 hexadecimal digits.
  [[nodiscard]] std::string text() const;

private:
  std::string inputs_;
};

class Cache {
public:
  // Opens (and makes) the cache where the environment says.
  static base::Result<Cache> open();
  static base::Result<Cache> open(std::filesystem::path root);

  [[nodiscard]] const std::filesystem::path &root() const { return root_; }

  // The directory of an entry that is there, else an empty path.
  [[nodiscard]] std::filesystem::path find(std::string_view kind, const Key &key) const;

  // The directory of the entry; calls `make` to fill it if it is not there. `make` is given an
  // empty directory; if it fails, that directory is removed and the error passed on. Processes
  // that want the same entry wait for the one that makes it.
  using Make = std::function<base::Result<>(const std::filesystem::path &directory)>;
  base::Result<std::filesystem::path> get(std::string_view kind, const Key &key, const Make &make);

private:
  explicit Cache(std::filesystem::path root) : root_(std::move(root)) {}
  void remove_old(std::string_view kind, const std::filesystem::path &keep) const;

  std::filesystem::path root_;
};

} // namespace linstub::cache
