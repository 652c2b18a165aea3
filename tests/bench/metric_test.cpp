// SPDX-License-Identifier: MIT
#include "bench/density.hpp"
#include "bench/furnish.hpp"
#include "bench/measure.hpp"
#include "bench/metric.hpp"
#include "bench/work.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>

namespace linstub::bench {
namespace {

using testing::HasSubstr;

TEST(Metrics, HaveAnIdOfTheirOwn) {
  std::set<std::string_view> ids;
  for (const Metric &metric : metrics()) {
    EXPECT_TRUE(ids.insert(metric.id).second) << metric.id;
    EXPECT_EQ(find_metric(metric.id), &metric);
  }
  for (const Metric &metric : density_metrics())
    EXPECT_TRUE(ids.insert(metric.id).second) << metric.id;
  EXPECT_EQ(find_metric("none"), nullptr);
}

TEST(Metrics, OfAGroupAreExpectedOfWhoHasWhatTheyNeed) {
  auto expected = [](std::string_view contender, std::string_view metric, const Groups &groups) {
    return expects(*find_contender(contender), *find_metric(metric), groups);
  };
  EXPECT_TRUE(expected("dom0", "exit.port", all_groups()));
  EXPECT_FALSE(expected("dom0", "exit.port", {Group::disk}));
  EXPECT_FALSE(expected("dom0", "memory.stub", all_groups()));
  EXPECT_TRUE(expected("minios", "memory.stub", all_groups()));
  EXPECT_FALSE(expected("minios", "start.stub-init", all_groups()));
  EXPECT_FALSE(expected("minios", "ahci.read-4k", all_groups()));
  EXPECT_FALSE(expected("libxl", "state.save", all_groups()));
  EXPECT_FALSE(expected("libxl", "screen.key", all_groups()));
  EXPECT_TRUE(expected("image-qemu", "pv.queue-4k", all_groups()));
  EXPECT_FALSE(expected("image-qemu", "memory.kernel", all_groups()));
  EXPECT_TRUE(expected("minios", "net.packet", all_groups()));
  EXPECT_FALSE(expected("minios", "net.send", all_groups()));
}

TEST(Groups, AreNamed) {
  auto some = parse_groups("disk,start");
  ASSERT_TRUE(some) << some.error().message();
  EXPECT_EQ(*some, (Groups{Group::start, Group::disk}));
  EXPECT_THAT(parse_groups("disc").error().message(), HasSubstr("\"disc\""));
  EXPECT_THAT(parse_groups("disk,").error().message(), HasSubstr("\"\""));
  for (const Group group : all_groups())
    EXPECT_EQ(parse_groups(group_name(group)).value_or(Groups{}), Groups{group});
}

TEST(Works, MeasureMetricsThatThereAre) {
  for (const Work &work : works()) {
    ASSERT_NE(find_metric(work.metric), nullptr) << work.metric;
    EXPECT_GT(work.quick, 0U) << work.metric;
    EXPECT_GE(work.full, work.quick) << work.metric;
    if (work.load.empty())
      continue;
    for (const char *domain : {"-dom0", "-stub", "-guest"})
      EXPECT_NE(find_metric(std::string(work.load) + domain), nullptr) << work.load << domain;
    EXPECT_GT(work.bytes, 0) << work.metric;
  }
}

TEST(Works, AreCommandsOfTheGuests) {
  const Work &first = works().front();
  EXPECT_EQ(command_of(first, first.full), "measure port " + std::to_string(first.full));
}

TEST(Works, AnAnswerIsATime) {
  EXPECT_EQ(parse_answer("+ measure 2500000000").value_or(0), 2.5);
  for (const char *wrong : {"", "+ measure", "+ measure 0", "+ measure x", "+ measure 1 2",
                            "- measure: port 1 failed", "+ measure -5"})
    EXPECT_FALSE(parse_answer(wrong)) << wrong;
}

TEST(Contenders, AreEachInEachPlaceEquallyOften) {
  auto all = parse_contenders("dom0,linstub,libxl");
  ASSERT_TRUE(all) << all.error().message();
  std::map<std::pair<std::string, size_t>, int> times;
  for (uint32_t round = 1; round <= 9; round++) {
    const auto order = order_in(round, *all);
    for (size_t place = 0; place < order.size(); place++)
      times[{order[place].name, place}]++;
  }
  EXPECT_EQ(times.size(), 9U);
  for (const auto &[which, count] : times)
    EXPECT_EQ(count, 3) << which.first;
}

TEST(Contenders, LinstubIsThereWithOtherSettingsToo) {
  auto all = parse_contenders("dom0,linstub,linstub:spin=off+memory=64");
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_EQ(all->at(2).name, "linstub:spin=off+memory=64");
  EXPECT_EQ(all->at(2).what, "Linstub, spin=off,memory=64");
  EXPECT_EQ(all->at(2).has, all->at(1).has);
  EXPECT_THAT(lines_for(all->at(1)), testing::IsEmpty());
  EXPECT_THAT(
      lines_for(all->at(2)),
      testing::ElementsAre(R"(device_model_args_hvm = [ "-linstub", "spin=off,memory=64" ])"));
  EXPECT_THAT(parse_contenders("dom0:spin=off").error().message(), HasSubstr("no contender"));
}

TEST(Contenders, OneIsTheImagesQemuInDom0) {
  const auto all = parse_contenders("dom0,image-qemu").value();
  EXPECT_THAT(lines_for(all[0]), testing::IsEmpty());
  EXPECT_THAT(lines_for(all[1]),
              testing::Contains("device_model_override = \"/lab/image-qemu/qemu-system-i386\""));
  EXPECT_EQ(all[1].device_model, all[0].device_model);
  EXPECT_TRUE(check({}, {all[0]}));
  EXPECT_THAT(check({}, all).error().message(), HasSubstr("--qemu"));
  EXPECT_TRUE(check({.minios = {}, .image_qemu = "/proc/self/exe"}, all));
}

TEST(Contenders, OnesThatAreNotThereAreNamed) {
  EXPECT_THAT(parse_contenders("dom0,xen").error().message(), HasSubstr("\"xen\""));
  EXPECT_THAT(parse_contenders("dom0,").error().message(), HasSubstr("\"\""));
  EXPECT_THAT(parse_contenders("dom0,dom0").error().message(), HasSubstr("twice"));
}

TEST(Contenders, AllOfARunBootInTheSameWay) {
  EXPECT_EQ(boot_of(*parse_contenders("dom0,linstub")), Boot::direct);
  EXPECT_EQ(boot_of(*parse_contenders("dom0,linstub,libxl")), Boot::cd);
  EXPECT_EQ(boot_of(*parse_contenders("minios")), Boot::cd);
}

} // namespace
} // namespace linstub::bench
