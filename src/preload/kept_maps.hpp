// SPDX-License-Identifier: MIT
// The maps of guest memory that QEMU has given back, kept for the next time that it wants the same.
//
// For each piece of memory that a device reads or writes QEMU maps a MiB of the guest and unmaps it
// afterwards (hw/xen/xen-mapcache.c): 512 changes of page tables, each checked by Xen, for a sector
// of a disk. Most often the next piece is in the same MiB, or in one of not long ago.
//
// A map goes stale when the guest gives memory back to Xen, which tells the device model so with a
// request (IOREQ_TYPE_INVALIDATE), or when QEMU puts memory elsewhere: then forget_all() is called
// before anybody goes on.
//
// Not for several threads at once. What is unmapped for good is told to `unmap`.
#pragma once

#include "preload/page.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace linstub::preload {

// Pages of the guest that follow each other, and where they are in this process.
struct Map {
  uint64_t first = 0; // frame of the guest's
  size_t count = 0;   // 0: there is none
  void *where = nullptr;
};

template <class Unmap>
class KeptMaps {
public:
  static constexpr size_t sets = 256;
  static constexpr size_t ways = 2;
  static constexpr size_t most_lent = 1200; // of more than that, nothing is known
  static constexpr size_t largest = 512;    // pages

  explicit constexpr KeptMaps(Unmap unmap) : unmap_(unmap) {}

  // A map of these pages that nobody uses, which is lent to the caller now; or null.
  void *take(uint64_t first, size_t count) {
    if (lent_count_ == most_lent)
      return nullptr;
    for (Map &map : set_of(first)) {
      if (map.count == 0 || map.first != first || map.count != count)
        continue;
      const Map found = map;
      map = {};
      lent_[lent_count_++] = {found, false};
      return found.where;
    }
    return nullptr;
  }

  // A new map, all of whose pages are there, is lent to the caller.
  void lend(const Map &map) {
    if (map.count > 0 && map.count <= largest && lent_count_ < most_lent)
      lent_[lent_count_++] = {map, false};
  }

  // Something is given back. True: it is kept, and must not be unmapped. The newest is most often
  // the first to come back.
  bool give_back(void *where, size_t length) {
    const size_t place = find(where);
    if (place == lent_count_)
      return false;
    const Lent lent = remove(place);
    if (lent.stale || lent.map.count * page_size != length)
      return false;
    auto &set = set_of(lent.map.first);
    if (set[ways - 1].count != 0)
      unmap_(set[ways - 1].where, set[ways - 1].count * page_size);
    for (size_t way = ways - 1; way > 0; way--)
      set[way] = set[way - 1];
    set[0] = lent.map;
    return true;
  }

  // Something else is mapped over what was lent.
  void forget(void *where) {
    if (const size_t place = find(where); place != lent_count_)
      remove(place);
  }

  // Counts the calls of forget_all(): a map that was made before one, and not lent yet, may not be.
  [[nodiscard]] uint64_t generation() const { return generation_; }

  // What is lent is unmapped when it comes back.
  void forget_all() {
    generation_++;
    for (auto &set : sets_) {
      for (Map &map : set) {
        if (map.count != 0)
          unmap_(map.where, map.count * page_size);
        map = {};
      }
    }
    for (size_t i = 0; i < lent_count_; i++)
      lent_[i].stale = true;
  }

private:
  struct Lent {
    Map map;
    bool stale = false;
  };

  std::array<Map, ways> &set_of(uint64_t first) {
    constexpr unsigned mebibyte = 8; // of a frame's number
    return sets_[(first >> mebibyte) % sets];
  }

  [[nodiscard]] size_t find(const void *where) const {
    for (size_t i = lent_count_; i > 0; i--) {
      if (lent_[i - 1].map.where == where)
        return i - 1;
    }
    return lent_count_;
  }

  Lent remove(size_t place) {
    const Lent gone = lent_[place];
    std::copy(&lent_[place] + 1, &lent_[0] + lent_count_, &lent_[place]);
    lent_count_--;
    return gone;
  }

  Unmap unmap_;
  std::array<std::array<Map, ways>, sets> sets_{};
  std::array<Lent, most_lent> lent_{};
  size_t lent_count_ = 0;
  uint64_t generation_ = 0;
};

} // namespace linstub::preload
