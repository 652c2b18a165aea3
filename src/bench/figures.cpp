// SPDX-License-Identifier: MIT
#include "bench/figures.hpp"

#include "bench/contender.hpp"
#include "bench/density.hpp"
#include "bench/metric.hpp"
#include "bench/report.hpp"
#include "bench/statistics.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace linstub::bench {
namespace {

using Json = nlohmann::ordered_json;

// The stages of a start, each from the end of the one before that the contender has.
struct Stage {
  std::string_view end; // a metric
  std::string_view what;
};
constexpr std::array stages{
    Stage{"start.stub-built", "libxl, until the stub domain is built"},
    Stage{"start.stub-init", "the stub domain's kernel"},
    Stage{"start.stub-qemu", "its devices"},
    Stage{"start.model", "QEMU, until it is ready"},
    Stage{"start.created", "libxl, until xl returns"},
    Stage{"start.kernel", "BIOS and boot loader"},
    Stage{"start.userland", "the guest's kernel and init"},
};

Json to_json(const Ratio &ratio) {
  return {{"value", ratio.value}, {"low", ratio.low}, {"high", ratio.high}};
}

bool is_positive(const std::vector<double> &values) {
  return !values.empty() && median(values) > 0;
}

Json metric_figures(const Run &run, const Metric &metric) {
  Json of = Json::array();
  const auto of_reference = run.values(reference, metric.id);
  for (const std::string &name : run.contenders()) {
    auto values = run.values(name, metric.id);
    if (values.empty())
      continue;
    Json one{{"contender", name}};
    if (name != reference && is_positive(values) && is_positive(of_reference))
      one["ratio"] = to_json(ratio(values, of_reference));
    for (double &value : values)
      value *= metric.scale;
    one["values"] = values;
    of.push_back(std::move(one));
  }
  Json figures{{"id", metric.id},
               {"group", group_name(metric.group)},
               {"title", group_title(metric.group)},
               {"what", metric.what},
               {"unit", metric.unit},
               {"of", std::move(of)}};
  if (of_reference.size() > 1 && is_positive(of_reference))
    figures["noise"] = to_json(noise(of_reference));
  return figures;
}

Json start_figures(const Run &run, const std::string &contender) {
  Json all = Json::array();
  double before = 0;
  for (const Stage &stage : stages) {
    const auto values = run.values(contender, stage.end);
    if (values.empty())
      continue;
    const double end = std::max(before, median(values));
    all.push_back({{"what", stage.what}, {"seconds", end - before}});
    before = end;
  }
  return {{"contender", contender}, {"stages", std::move(all)}};
}

Json density_figures(const Run &run, const Metric &metric) {
  constexpr double step = 10;
  constexpr double most = 100;
  Json of = Json::array();
  for (const std::string &name : run.contenders()) {
    const auto points = density_points(run, name, metric.id);
    const auto line = fit(points);
    if (!line)
      continue;
    Json measured = Json::array();
    for (const Point &point : points)
      measured.push_back({point.guests, point.cost * metric.scale});
    Json error = Json::array();
    for (double guests = 0; guests <= most; guests += step)
      error.push_back({guests, line->error_at(guests) * metric.scale});
    of.push_back({{"contender", name},
                  {"points", std::move(measured)},
                  {"base", line->base * metric.scale},
                  {"each", line->each * metric.scale},
                  {"error", std::move(error)}});
  }
  return {{"what", metric.what}, {"unit", metric.unit}, {"of", std::move(of)}};
}

} // namespace

std::string figures(const Run &run) {
  Json contenders = Json::array();
  Json starts = Json::array();
  for (const std::string &name : run.contenders()) {
    const auto known = find_contender(name);
    contenders.push_back({{"name", name}, {"what", known ? known->what : name}});
    if (!run.values(name, "start.userland").empty())
      starts.push_back(start_figures(run, name));
  }
  Json of_metrics = Json::array();
  for (const Metric &metric : metrics()) {
    Json figure = metric_figures(run, metric);
    if (!figure["of"].empty())
      of_metrics.push_back(std::move(figure));
  }
  Json densities = Json::array();
  for (const Metric &metric : density_metrics()) {
    Json figure = density_figures(run, metric);
    if (!figure["of"].empty())
      densities.push_back(std::move(figure));
  }
  return Json{{"contenders", std::move(contenders)},
              {"metrics", std::move(of_metrics)},
              {"starts", std::move(starts)},
              {"densities", std::move(densities)}}
      .dump();
}

} // namespace linstub::bench
