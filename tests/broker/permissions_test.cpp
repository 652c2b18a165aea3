// SPDX-License-Identifier: MIT
#include "broker/host.hpp"
#include "broker/permissions.hpp"

#include <gmock/gmock.h>

#include <utility>

namespace linstub::broker {
namespace {

Verdict verdict(Type type, const Facts &facts, uint32_t value = 0) {
  return permits({.type = type, .value = value}, facts);
}

TEST(Permissions, EveryRequestOfTheDeviceModelHasARowAndNoEventHas) {
  for (const Rule &rule : rules()) {
    bool ever = false;
    for (Stage stage : all_stages) {
      for (bool has_run : {false, true})
        ever =
            ever ||
            verdict(rule.type,
                    {.stage = stage, .has_run = has_run, .upgrading = true, .resetting = true}) ==
                Verdict::allow;
    }
    EXPECT_EQ(ever, rule.sender == Sender::device_model) << std::to_underlying(rule.type);
  }
}

TEST(Permissions, AGuestIsCrashedOnlyAfterItHasRun) {
  for (Stage stage : all_stages) {
    EXPECT_EQ(verdict(Type::crash_guest, {.stage = stage}), Verdict::violation);
    EXPECT_EQ(verdict(Type::crash_guest, {.stage = stage, .has_run = true}), Verdict::allow);
  }
}

TEST(Permissions, AStubDomainIsMadeOnlyWhenThereIsNone) {
  for (Stage stage : all_stages)
    EXPECT_EQ(verdict(Type::create, {.stage = stage}),
              stage == Stage::nothing ? Verdict::allow : Verdict::violation);
}

TEST(Permissions, AnotherStubDomainIsForAnUpgrade) {
  for (Which which : {Which::upgraded, Which::fallback}) {
    const auto value = std::to_underlying(which);
    EXPECT_EQ(verdict(Type::create, {}, value), Verdict::violation);
    EXPECT_EQ(verdict(Type::create, {.upgrading = true}, value), Verdict::violation);
    EXPECT_EQ(verdict(Type::create, {.has_run = true}, value), Verdict::violation);
    EXPECT_EQ(verdict(Type::create, {.has_run = true, .upgrading = true}, value), Verdict::allow);
  }
  EXPECT_EQ(verdict(Type::create, {.has_run = true, .upgrading = true}), Verdict::violation)
      << "the first one has been";
}

TEST(Permissions, WhatComesTooLateIsOnlyRefused) {
  for (Type type : {Type::unplug_state, Type::end_insertion, Type::medium_ejected, Type::rest_stub})
    EXPECT_EQ(verdict(type, {.stage = Stage::going, .has_run = true}), Verdict::refuse);
}

} // namespace
} // namespace linstub::broker
