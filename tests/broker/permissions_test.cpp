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
  const auto value = std::to_underlying(Which::next);
  for (Stage stage : all_stages) {
    for (bool has_run : {false, true}) {
      for (bool upgrading : {false, true})
        EXPECT_EQ(verdict(Type::create,
                          {.stage = stage, .has_run = has_run, .upgrading = upgrading}, value),
                  stage == Stage::there && has_run && upgrading ? Verdict::allow
                                                                : Verdict::violation);
    }
    EXPECT_EQ(verdict(Type::create, {.stage = stage, .has_run = true, .upgrading = true}),
              Verdict::violation)
        << "the first one has been";
  }
}

TEST(Permissions, NoOtherStubDomainTakesOverThanThatOfAnUpgrade) {
  const Facts upgrade{.stage = Stage::there, .has_run = true, .upgrading = true};
  EXPECT_EQ(verdict(Type::take_over, upgrade), Verdict::allow);
  EXPECT_EQ(verdict(Type::take_over, {.stage = Stage::there, .has_run = true}), Verdict::refuse);
  EXPECT_EQ(verdict(Type::take_over, {.stage = Stage::going, .has_run = true, .upgrading = true}),
            Verdict::refuse);
}

TEST(Permissions, WhatComesTooLateIsOnlyRefused) {
  for (Type type : {Type::unplug_state, Type::end_insertion, Type::medium_ejected, Type::rest_stub})
    EXPECT_EQ(verdict(type, {.stage = Stage::going, .has_run = true}), Verdict::refuse);
}

} // namespace
} // namespace linstub::broker
