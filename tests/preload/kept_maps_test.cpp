// SPDX-License-Identifier: MIT
#include "preload/kept_maps.hpp"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <vector>

namespace linstub::preload {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t mebibyte = 256; // pages

// NOLINTNEXTLINE(performance-no-int-to-ptr): nothing is there
void *address(uintptr_t number) { return reinterpret_cast<void *>(number * 0x100'000); }

struct Place {
  std::vector<void *> unmapped;
  struct Unmap {
    std::vector<void *> *list;
    void operator()(void *where, size_t /*length*/) const { list->push_back(where); }
  };
  KeptMaps<Unmap> maps{Unmap{&unmapped}};

  bool give_back(void *where, size_t pages = mebibyte) {
    return maps.give_back(where, pages * page_size);
  }
};

TEST(KeptMaps, GiveOutAgainWhatCameBack) {
  Place place;
  EXPECT_EQ(place.maps.take(512, mebibyte), nullptr);
  place.maps.lend({512, mebibyte, address(1)});
  EXPECT_EQ(place.maps.take(512, mebibyte), nullptr) << "somebody uses it";
  EXPECT_TRUE(place.give_back(address(1)));
  EXPECT_EQ(place.maps.take(512, 2 * mebibyte), nullptr) << "of another length";
  EXPECT_EQ(place.maps.take(256, mebibyte), nullptr) << "of another place";
  EXPECT_EQ(place.maps.take(512, mebibyte), address(1));
  EXPECT_TRUE(place.give_back(address(1)));
  EXPECT_THAT(place.unmapped, IsEmpty());
}

TEST(KeptMaps, LeaveAloneWhatIsNotTheirs) {
  Place place;
  EXPECT_FALSE(place.give_back(address(1)));
  place.maps.lend({512, mebibyte, address(1)});
  EXPECT_FALSE(place.give_back(address(1), 1)) << "a part";
  EXPECT_FALSE(place.give_back(address(1))) << "it is not known any more";
  place.maps.lend({0, 2 * KeptMaps<Place::Unmap>::largest, address(2)});
  EXPECT_FALSE(place.give_back(address(2), 2 * KeptMaps<Place::Unmap>::largest)) << "too large";
}

TEST(KeptMaps, UnmapTheOldestOfThoseThatShareAPlace) {
  Place place;
  for (uintptr_t i = 1; i <= 3; i++) {
    place.maps.lend({i * KeptMaps<Place::Unmap>::sets * mebibyte, mebibyte, address(i)});
    EXPECT_TRUE(place.give_back(address(i)));
  }
  EXPECT_THAT(place.unmapped, ElementsAre(address(1)));
}

TEST(KeptMaps, ForgetAllAtOnceAndWhatIsLentWhenItComesBack) {
  Place place;
  place.maps.lend({0, mebibyte, address(1)});
  place.maps.lend({256, mebibyte, address(2)});
  EXPECT_TRUE(place.give_back(address(1)));
  place.maps.forget_all();
  EXPECT_THAT(place.unmapped, ElementsAre(address(1)));
  EXPECT_FALSE(place.give_back(address(2))) << "its user unmaps it";
  EXPECT_EQ(place.maps.take(0, mebibyte), nullptr);
  EXPECT_EQ(place.maps.take(256, mebibyte), nullptr);
}

// A map that is being made meanwhile may be of memory that the guest has no more.
TEST(KeptMaps, SayThatAllWasForgotten) {
  Place place;
  const uint64_t before = place.maps.generation();
  place.maps.lend({0, mebibyte, address(1)});
  EXPECT_EQ(place.maps.generation(), before);
  place.maps.forget_all();
  EXPECT_NE(place.maps.generation(), before);
}

TEST(KeptMaps, ForgetWhatIsMappedOver) {
  Place place;
  place.maps.lend({0, mebibyte, address(1)});
  place.maps.forget(address(1));
  EXPECT_FALSE(place.give_back(address(1)));
}

TEST(KeptMaps, KeepNoMoreThanTheyHaveRoomFor) {
  Place place;
  constexpr size_t most = KeptMaps<Place::Unmap>::most_lent;
  for (uintptr_t i = 0; i < most + 5; i++)
    place.maps.lend({i * mebibyte, mebibyte, address(i + 1)});
  size_t kept = 0;
  for (uintptr_t i = 0; i < most + 5; i++)
    kept += place.give_back(address(i + 1)) ? 1 : 0;
  EXPECT_EQ(kept, most);
  EXPECT_EQ(place.unmapped.size(),
            most - KeptMaps<Place::Unmap>::sets * KeptMaps<Place::Unmap>::ways);
}

// QEMU, a guest that gives memory back, and Xen, in random order: what QEMU gets shows the guest's
// memory of now, and each map is unmapped once.
TEST(KeptMaps, NeverShowMemoryThatTheGuestHasNoMore) {
  struct Shown {
    uint64_t first;
    unsigned age; // of the guest's memory, when it was mapped
  };
  std::map<void *, Shown> mapped;
  struct Unmap {
    std::map<void *, Shown> *mapped;
    void operator()(void *where, size_t /*length*/) const { EXPECT_EQ(mapped->erase(where), 1U); }
  };
  KeptMaps<Unmap> maps{Unmap{&mapped}};
  std::vector<void *> used;
  std::minstd_rand random(1); // NOLINT(cert-msc51-cpp): the same each time
  unsigned age = 0;
  uintptr_t next = 0;
  int again = 0;
  for (int turn = 0; turn < 100'000; turn++) {
    const auto dice = random() % 100;
    if (dice == 0) {
      age++;
      maps.forget_all();
    } else if (dice < 50 && !used.empty()) {
      const size_t which = random() % used.size();
      void *where = used[which];
      used.erase(used.begin() + static_cast<ptrdiff_t>(which));
      if (!maps.give_back(where, mebibyte * page_size)) {
        EXPECT_EQ(mapped.erase(where), 1U);
      }
    } else if (used.size() < 20) {
      const uint64_t first = random() % 600 * mebibyte;
      void *where = maps.take(first, mebibyte);
      if (where != nullptr) {
        again++;
        ASSERT_TRUE(mapped.contains(where));
        EXPECT_EQ(mapped.at(where).first, first);
        EXPECT_EQ(mapped.at(where).age, age);
      } else {
        where = address(++next);
        mapped[where] = {first, age};
        maps.lend({first, mebibyte, where});
      }
      used.push_back(where);
    }
  }
  EXPECT_GT(again, 1000);
  EXPECT_LE(mapped.size(), KeptMaps<Unmap>::sets * KeptMaps<Unmap>::ways + used.size());
}

} // namespace
} // namespace linstub::preload
