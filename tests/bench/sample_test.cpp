// SPDX-License-Identifier: MIT
#include "bench/sample.hpp"

#include <gmock/gmock.h>

namespace linstub::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char *good =
    R"({"contender":"dom0","metric":"exit.port","round":1,"place":2,"value":0.0015})";

std::string error_of(const std::string &lines) {
  auto run = parse_run(lines);
  return run ? "" : run.error().message();
}

TEST(Sample, IsTheSameWhenItIsReadBack) {
  const Circumstances circumstances{{"Xen", "4.20"}, {"host", "a \"quoted\" one"}};
  const Sample sample{
      .contender = "linstub", .metric = "exit.port", .round = 3, .place = 1, .value = 0.25};
  auto run = parse_run(to_json(circumstances) + "\n" + to_json(sample) + "\n");
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->circumstances, circumstances);
  EXPECT_THAT(run->samples, ElementsAre(sample));
}

TEST(Sample, MayHaveCounts) {
  const Sample sample{.contender = "linstub",
                      .metric = "exit.port",
                      .round = 1,
                      .place = 1,
                      .value = 0.25,
                      .counts = {{"xen", 1000.5}, {"hypercalls", 7}}};
  auto run = parse_run(to_json(sample) + "\n" + good);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(run->samples.at(0), sample);
  EXPECT_THAT(run->counts("linstub", "exit.port", "hypercalls"), ElementsAre(7));
  EXPECT_TRUE(run->counts("dom0", "exit.port", "hypercalls").empty());
  const std::string begin = std::string(good).substr(0, std::string_view(good).size() - 1);
  EXPECT_THAT(error_of(begin + R"(,"counts":7})"), HasSubstr("no object"));
  EXPECT_THAT(error_of(begin + R"(,"counts":{"xen":-1}})"), HasSubstr("\"xen\""));
  EXPECT_THAT(error_of(begin + R"(,"counts":{"xen":"many"}})"), HasSubstr("\"xen\""));
}

TEST(Sample, ValuesComeInTheOrderOfRoundsWhateverTheOrderOfLines) {
  auto at = [](uint32_t round, double value) {
    return to_json(Sample{
        .contender = "dom0", .metric = "exit.port", .round = round, .place = 1, .value = value});
  };
  auto run = parse_run(at(2, 20) + "\n" + at(1, 10) + "\n" + good);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_THAT(run->values("dom0", "exit.port"), ElementsAre(10, 0.0015, 20));
  EXPECT_THAT(run->contenders(), ElementsAre("dom0"));
  EXPECT_TRUE(run->values("linstub", "exit.port").empty());
}

TEST(Sample, TellsHowManyGuestsThereWereIfItWasMoreThanOne) {
  Sample sample{.contender = "dom0", .metric = "density.dom0", .round = 1, .place = 1, .value = 2};
  EXPECT_EQ(to_json(sample).find("guests"), std::string::npos);
  sample.guests = 12;
  auto run = parse_run(to_json(sample));
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_THAT(run->samples, ElementsAre(sample));
  EXPECT_THAT(
      error_of(R"({"contender":"a","metric":"b","round":1,"place":1,"guests":0,"value":1})"),
      HasSubstr("\"guests\""));
}

TEST(Sample, ATimeIsThatInWhichTheLabHadACpu) {
  Sample sample{.contender = "dom0",
                .metric = "exit.port",
                .round = 1,
                .place = 1,
                .share = 0.25,
                .value = 8};
  auto run = parse_run(to_json(sample));
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_THAT(run->samples, ElementsAre(sample));
  EXPECT_THAT(run->values("dom0", "exit.port"), ElementsAre(2));
  for (const char *wrong : {"0", "1.5", "-1", "\"1\""}) {
    std::string line = good;
    line.insert(line.size() - 1, std::string(",\"share\":") + wrong);
    EXPECT_THAT(error_of(line), HasSubstr("\"share\"")) << wrong;
  }
}

TEST(Sample, SeveralFilesMakeOneRunThatSaysWhereTheyDiffer) {
  bench::Run first{.circumstances = {{"Xen", "4.20"}, {"rounds", "5"}}, .samples = {}};
  bench::Run second{.circumstances = {{"Xen", "4.20"}, {"rounds", "2"}}, .samples = {}};
  first.samples.push_back({.contender = "dom0", .metric = "m", .round = 1, .place = 1, .value = 1});
  second.samples.push_back(
      {.contender = "dom0", .metric = "m", .round = 1, .place = 1, .value = 2});
  const bench::Run all = join({first, second});
  EXPECT_THAT(all.circumstances, ElementsAre(std::pair("Xen", "4.20"), std::pair("rounds", "5"),
                                             std::pair("rounds (file 2)", "2")));
  EXPECT_THAT(all.values("dom0", "m"), ElementsAre(1, 2));
}

TEST(Sample, ALineThatIsNoneIsNamed) {
  EXPECT_EQ(error_of(good), "");
  EXPECT_THAT(error_of(std::string(good) + "\nnonsense"), HasSubstr("line 2: it is not a JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("line 1"));
  EXPECT_THAT(error_of(R"({"contender":"dom0"})"), HasSubstr("\"metric\""));
  for (const char *wrong : {R"("round":0)", R"("round":-1)", R"("round":1e9)"}) {
    std::string line = good;
    line.replace(line.find(R"("round":1)"), 9, wrong);
    EXPECT_THAT(error_of(line), HasSubstr("\"round\"")) << wrong;
  }
  for (const char *wrong : {"\"1\"", "-1", "null"}) {
    std::string line = good;
    line.replace(line.find("0.0015"), 6, wrong);
    EXPECT_THAT(error_of(line), HasSubstr("\"value\"")) << wrong;
  }
}

} // namespace
} // namespace linstub::bench
