// SPDX-License-Identifier: MIT
#include "bench/figures.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace linstub::bench {
namespace {

using Json = nlohmann::json;

Run example() {
  Run run;
  auto add = [&](const char *contender, const char *metric, uint32_t round, double value,
                 uint32_t guests = 1) {
    run.samples.push_back({.contender = contender,
                           .metric = metric,
                           .round = round,
                           .place = 1,
                           .guests = guests,
                           .value = value});
  };
  for (uint32_t round = 1; round <= 2; round++) {
    add("dom0", "exit.port", round, 0.002);
    add("linstub", "exit.port", round, 0.001);
    add("dom0", "start.model", round, 5);
    add("dom0", "start.userland", round, 20);
    add("linstub", "start.stub-built", round, 3);
    add("linstub", "start.model", round, 9);
    add("linstub", "start.userland", round, 21);
  }
  for (uint32_t guests = 1; guests <= 3; guests++)
    add("linstub", "density.stub", 1, guests * 56.0 * (1 << 20), guests);
  return run;
}

TEST(Figures, HaveSamplesRatiosAndNoiseAsTablesHave) {
  const Json all = Json::parse(figures(example()));
  const Json &metric = all["metrics"].back();
  EXPECT_EQ(metric["id"], "exit.port");
  EXPECT_EQ(metric["of"][0]["values"], Json({2.0, 2.0})); // in ms, as they are shown
  EXPECT_FALSE(metric["of"][0].contains("ratio"));
  EXPECT_EQ(metric["of"][1]["ratio"]["value"], 0.5);
  EXPECT_EQ(metric["noise"]["value"], 1.0);
}

TEST(Figures, TheStagesOfAStartMakeItsWhole) {
  const Json all = Json::parse(figures(example()));
  const Json &linstub = all["starts"][1];
  EXPECT_EQ(linstub["contender"], "linstub");
  double sum = 0;
  for (const Json &stage : linstub["stages"])
    sum += stage["seconds"].get<double>();
  EXPECT_EQ(sum, 21);
  EXPECT_EQ(linstub["stages"][0]["seconds"], 3);
  EXPECT_EQ(linstub["stages"][1]["seconds"], 6);
}

TEST(Figures, ManyGuestsAreALine) {
  const Json all = Json::parse(figures(example()));
  ASSERT_EQ(all["densities"].size(), 1U);
  EXPECT_NEAR(all["densities"][0]["of"][0]["each"].get<double>(), 56, 1e-6);
  EXPECT_EQ(all["densities"][0]["of"][0]["points"][2], Json({3.0, 168.0}));
}

TEST(Figures, OfNothingAreEmpty) {
  const Json all = Json::parse(figures(bench::Run{}));
  EXPECT_TRUE(all["metrics"].empty());
  EXPECT_TRUE(all["starts"].empty());
}

} // namespace
} // namespace linstub::bench
