// SPDX-License-Identifier: MIT
#include "lab/test_parts.hpp"

#include <gtest/gtest.h>

namespace linstub::lab {
namespace {

TEST(Parts, OfTheWarmShapeAreFiveButNoneIsEmpty) {
  EXPECT_EQ(parts_of(Shape::warm, 0).size(), 0U);
  EXPECT_EQ(parts_of(Shape::warm, 1).size(), 1U);
  auto parts = parts_of(Shape::warm, 30);
  ASSERT_EQ(parts.size(), 5U);
  for (size_t i = 0; i < parts.size(); i++) {
    EXPECT_EQ(parts[i].shape, Shape::warm);
    EXPECT_EQ(parts[i].of, 5U);
    EXPECT_EQ(parts[i].index, i);
  }
}

TEST(Parts, OfTheShapeThatBootsColdAreOne) {
  EXPECT_EQ(parts_of(Shape::iommu, 0).size(), 0U);
  auto parts = parts_of(Shape::iommu, 16);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].shape, Shape::iommu);
  EXPECT_EQ(parts[0].of, 1U);
}

TEST(Deal, HandsEachPartOutOnceInOrder) {
  Deal deal(parts_of(Shape::warm, 3));
  for (size_t i = 0; i < 3; i++) {
    auto part = deal.take();
    ASSERT_TRUE(part);
    EXPECT_EQ(part->index, i);
  }
  EXPECT_FALSE(deal.take());
  EXPECT_FALSE(deal.take());
}

TEST(Deal, HandsNothingOutOnceItIsClosed) {
  Deal deal(parts_of(Shape::warm, 3));
  ASSERT_TRUE(deal.take());
  deal.close();
  EXPECT_FALSE(deal.take());
}

TEST(Deal, KeepsTheWorstStatus) {
  Deal deal({});
  EXPECT_EQ(deal.worst(), 0);
  deal.ended(1);
  deal.ended(69);
  deal.ended(0);
  deal.ended(1);
  EXPECT_EQ(deal.worst(), 69);
}

TEST(LabsAtOnce, AreTwoWhereThereIsMemoryForTwo) {
  EXPECT_EQ(labs_at_once("MemTotal:       24615012 kB\nMemAvailable:   13631488 kB\n"), 2U);
  EXPECT_EQ(labs_at_once("MemTotal:       24615012 kB\nMemAvailable:   13631487 kB\n"), 1U);
  EXPECT_EQ(labs_at_once("MemAvailable:"), 1U);
  EXPECT_EQ(labs_at_once(""), 1U);
}

} // namespace
} // namespace linstub::lab
