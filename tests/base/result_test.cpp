// SPDX-License-Identifier: MIT
#include "base/result.hpp"

#include <gmock/gmock.h>

#include <memory>

namespace linstub::base {
namespace {

Result<int> parse(bool good) {
  if (!good)
    return fail_errno(ENOENT, "open {}", "guest.img");
  return 7;
}

Result<int> attach(bool good) {
  return 1 + TRY(parse(good).transform_error(doing("attach disk {}", "xvda")));
}

Result<std::unique_ptr<int>> own() { return std::make_unique<int>(3); }

Result<> take() {
  std::unique_ptr<int> taken = TRY(own());
  TRY(Result<>());
  return *taken == 3 ? Result<>() : fail("lost");
}

TEST(Result, ErrorReadsFromTheTaskToTheCause) {
  auto result = attach(false).transform_error(doing("start stub domain"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(),
            "start stub domain: attach disk xvda: open guest.img: No such file or directory");
  EXPECT_EQ(result.error().code(), ENOENT);
}

TEST(Result, TryGivesTheValue) { EXPECT_EQ(attach(true).value(), 8); }

TEST(Result, TryMovesWhatCannotBeCopied) { EXPECT_TRUE(take()); }

} // namespace
} // namespace linstub::base
