// SPDX-License-Identifier: MIT
#include "bench/report.hpp"

#include "bench/contender.hpp"
#include "bench/metric.hpp"
#include "bench/statistics.hpp"

#include <format>

namespace linstub::bench {
namespace {

std::string shown(const Metric &metric, double value) {
  return std::format("{:.{}f}", value * metric.scale, metric.digits);
}

std::string shown(const Ratio &ratio) {
  return std::format("{:.2f} ({:.2f} to {:.2f})", ratio.value, ratio.low, ratio.high);
}

std::string name_of(const std::string &contender) {
  const Contender *known = find_contender(contender);
  return known == nullptr ? contender : std::string(known->what);
}

// A ratio to nothing says nothing.
bool can_compare(const std::vector<double> &values, const std::vector<double> &others) {
  return !values.empty() && !others.empty() && median(values) > 0 && median(others) > 0;
}

std::string cell(const Metric &metric, const std::vector<double> &values) {
  if (values.empty())
    return "-";
  return std::format("{} ({} to {})", shown(metric, median(values)),
                     shown(metric, quantile(values, 0.25)), shown(metric, quantile(values, 0.75)));
}

std::string row(const std::vector<std::string> &cells) {
  std::string text = "|";
  for (const std::string &one : cells)
    text += std::format(" {} |", one);
  return text + "\n";
}

std::string header(const std::vector<std::string> &cells) {
  std::string text = row(cells) + "|";
  for (size_t i = 0; i < cells.size(); i++)
    text += " --- |";
  return text + "\n";
}

std::string show_circumstances(const Circumstances &circumstances) {
  std::string text = header({"what", "which"});
  for (const auto &[name, value] : circumstances)
    text += row({name, value});
  return text + "\n";
}

std::string show_medians(const Run &run, const std::vector<std::string> &names) {
  std::vector<std::string> titles{"metric", "unit"};
  for (const std::string &name : names)
    titles.push_back(name_of(name));
  std::string text = header(titles);
  for (const Metric &metric : metrics()) {
    std::vector<std::string> cells{std::string(metric.what), std::string(metric.unit)};
    for (const std::string &name : names)
      cells.push_back(cell(metric, run.values(name, metric.id)));
    text += row(cells);
  }
  return text + "\n";
}

std::string show_ratios(const Run &run, const std::vector<std::string> &names) {
  std::vector<std::string> titles{"metric"};
  for (const std::string &name : names) {
    if (name != reference)
      titles.push_back(name_of(name));
  }
  titles.push_back(std::format("{}, twice", name_of(std::string(reference))));
  std::string text = header(titles);
  for (const Metric &metric : metrics()) {
    const auto of_reference = run.values(reference, metric.id);
    std::vector<std::string> cells{std::string(metric.what)};
    for (const std::string &name : names) {
      const auto values = run.values(name, metric.id);
      if (name != reference)
        cells.push_back(can_compare(values, of_reference) ? shown(ratio(values, of_reference))
                                                          : "-");
    }
    const bool twice = of_reference.size() > 1 && median(of_reference) > 0;
    cells.push_back(twice ? shown(noise(of_reference)) : "-");
    text += row(cells);
  }
  return text + "\n";
}

size_t most_samples(const Run &run, const std::vector<std::string> &names) {
  size_t most = 0;
  for (const std::string &name : names) {
    for (const Metric &metric : metrics())
      most = std::max(most, run.values(name, metric.id).size());
  }
  return most;
}

} // namespace

std::string report(const Run &run) {
  const std::vector<std::string> names = run.contenders();
  std::string text = "## Circumstances\n\n" + show_circumstances(run.circumstances);
  text +=
      std::format("## Medians\n\nOf up to {} rounds, the contenders in turn; behind each median "
                  "the range that half of the samples lie in.\n\n",
                  most_samples(run, names));
  text += show_medians(run, names);
  text += std::format("## Ratios to {}\n\nRatios of medians, and the interval that 95 of 100 draws "
                      "from the samples give. An interval that has 1 in it says that there is no "
                      "difference to be seen. The last column is the noise: the samples of odd "
                      "rounds to those of even ones.\n\n",
                      name_of(std::string(reference)));
  return text + show_ratios(run, names);
}

std::string table(const Run &run) {
  const std::vector<std::string> names = run.contenders();
  std::string text = std::format("{:<32}", "");
  for (const std::string &name : names)
    text += std::format(" {:>18}", name);
  text += "\n";
  for (const Metric &metric : metrics()) {
    const auto of_reference = run.values(reference, metric.id);
    text += std::format("{:<26} {:<5}", metric.id, metric.unit);
    for (const std::string &name : names) {
      const auto values = run.values(name, metric.id);
      std::string one = values.empty() ? "-" : shown(metric, median(values));
      if (name != reference)
        one += can_compare(values, of_reference)
                   ? std::format(" {:>5.2f}x", median(values) / median(of_reference))
                   : "       ";
      text += std::format(" {:>18}", one);
    }
    text += "\n";
  }
  return text;
}

std::string compare(const Run &before, const Run &after) {
  std::string text = header({"metric", "contender", "before", "after", "ratio"});
  for (const Metric &metric : metrics()) {
    for (const std::string &name : after.contenders()) {
      const auto old_values = before.values(name, metric.id);
      const auto new_values = after.values(name, metric.id);
      if (!can_compare(new_values, old_values))
        continue;
      const Ratio change = ratio(new_values, old_values);
      text += row({std::string(metric.what), name, cell(metric, old_values),
                   cell(metric, new_values), shown(change) + (change.differs() ? "" : ", noise")});
    }
  }
  return text;
}

} // namespace linstub::bench
