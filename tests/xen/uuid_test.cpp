// SPDX-License-Identifier: MIT
#include "xen/uuid.hpp"

#include <gtest/gtest.h>

namespace linstub::xen {
namespace {

constexpr const char *some = "00112233-4455-6677-8899-aabbccddeeff";

TEST(Uuid, IsWrittenAndReadInOneForm) {
  const Uuid uuid = parse_uuid(some).value();
  EXPECT_EQ(uuid[0], 0x00);
  EXPECT_EQ(uuid[15], 0xff);
  EXPECT_EQ(text(uuid), some);
}

TEST(Uuid, IsReadStrictly) {
  for (const char *bad :
       {"", "0", "00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeeff0",
        "00112233445566778899aabbccddeeff0123", "00112233-4455-6677-8899-aabbccddeefg",
        "00112233-4455-6677-8899-AABBCCDDEEFF", "001122334-455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddee-f"})
    EXPECT_FALSE(parse_uuid(bad)) << bad;
}

TEST(Uuid, IsAnotherOneEachTime) {
  const Uuid one = new_uuid().value();
  EXPECT_NE(one, new_uuid().value());
  EXPECT_EQ(text(one)[14], '4');
  EXPECT_EQ(parse_uuid(text(one)).value(), one);
}

} // namespace
} // namespace linstub::xen
