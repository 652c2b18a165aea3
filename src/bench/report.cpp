// SPDX-License-Identifier: MIT
#include "bench/report.hpp"

#include "bench/contender.hpp"
#include "bench/metric.hpp"
#include "bench/statistics.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <span>

namespace linstub::bench {
namespace {

std::string shown(const Metric &metric, double value) {
  return std::format("{:.{}f}", value * metric.scale, metric.digits);
}

std::string shown(const Ratio &ratio) {
  return std::format("{:.2f} ({:.2f} to {:.2f})", ratio.value, ratio.low, ratio.high);
}

std::string name_of(const std::string &contender) {
  const auto known = find_contender(contender);
  return known ? known->what : contender;
}

// A ratio to nothing says nothing.
bool can_compare(const std::vector<double> &values, const std::vector<double> &others) {
  return !values.empty() && !others.empty() && median(values) > 0 && median(others) > 0;
}

// Median, the range that half of the samples lie in, how many there are.
std::string cell(const Metric &metric, const std::vector<double> &values) {
  if (values.empty())
    return "-";
  return std::format("{} ({} to {}; {})", shown(metric, median(values)),
                     shown(metric, quantile(values, 0.25)), shown(metric, quantile(values, 0.75)),
                     values.size());
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

bool is_there(const Run &run, const Metric &metric) {
  return std::ranges::any_of(run.samples,
                             [&](const Sample &sample) { return sample.metric == metric.id; });
}

std::vector<const Metric *> metrics_of(const Run &run, Group group) {
  std::vector<const Metric *> found;
  for (const Metric &metric : metrics()) {
    if (metric.group == group && is_there(run, metric))
      found.push_back(&metric);
  }
  return found;
}

std::string show_medians(const Run &run, std::span<const Metric *const> of,
                         const std::vector<std::string> &names) {
  std::vector<std::string> titles{"metric", "unit"};
  for (const std::string &name : names)
    titles.push_back(name_of(name));
  std::string text = header(titles);
  for (const Metric *metric : of) {
    std::vector<std::string> cells{std::string(metric->what), std::string(metric->unit)};
    for (const std::string &name : names)
      cells.push_back(cell(*metric, run.values(name, metric->id)));
    text += row(cells);
  }
  return text + "\n";
}

std::string show_ratios(const Run &run, std::span<const Metric *const> of,
                        const std::vector<std::string> &names) {
  std::vector<std::string> titles{"metric"};
  for (const std::string &name : names) {
    if (name != reference)
      titles.push_back(name_of(name));
  }
  titles.push_back(std::format("{}, twice", name_of(std::string(reference))));
  std::string text = header(titles);
  for (const Metric *metric : of) {
    const auto of_reference = run.values(reference, metric->id);
    std::vector<std::string> cells{std::string(metric->what)};
    for (const std::string &name : names) {
      const auto values = run.values(name, metric->id);
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

// What the lab's CPUs have executed for one of each metric: no times, and so what may be compared
// with little noise.
std::string show_counts(const Run &run, std::span<const Metric *const> of,
                        const std::vector<std::string> &names) {
  constexpr double thousand = 1000;
  constexpr std::array places{"xen", "kernels", "programs"};
  auto count = [&](const std::string &name, const Metric &metric, const char *what) {
    const auto all = run.counts(name, metric.id, what);
    return all.empty() ? 0 : median(all);
  };
  auto instructions = [&](const std::string &name, const Metric &metric) {
    double sum = 0;
    for (const char *place : places)
      sum += count(name, metric, place);
    return sum;
  };
  std::string text;
  for (const Metric *metric : of) {
    const double of_reference = instructions(std::string(reference), *metric);
    for (const std::string &name : names) {
      const double all = instructions(name, *metric);
      if (all == 0)
        continue;
      std::vector<std::string> cells{std::string(metric->what), name_of(name),
                                     std::format("{:.1f}", all / thousand)};
      cells.push_back(of_reference > 0 ? std::format("{:.2f}", all / of_reference) : "-");
      for (const char *place : places)
        cells.push_back(std::format("{:.1f}", count(name, *metric, place) / thousand));
      for (const char *calls : {"system-calls", "hypercalls", "world-switches"})
        cells.push_back(std::format("{:.1f}", count(name, *metric, calls)));
      text += row(cells);
    }
  }
  if (text.empty())
    return "";
  return "What the CPU executes for one of them, in thousands of instructions, and how often it "
         "enters a kernel, Xen or a guest for it; medians:\n\n" +
         header({"for one", "contender", "instructions", "ratio", "in Xen", "in kernels",
                 "in programs", "system calls", "hypercalls", "world switches"}) +
         text + "\n";
}

// What a line through the costs of several numbers of guests says of many.
std::string show_density(const Run &run, const std::vector<std::string> &names) {
  constexpr double hundred = 100;
  constexpr double thousand = 1000;
  std::string text =
      header({"cost", "unit", "contender", "samples", "guests up to",
              "the first, and what is there anyway", "each", "model for 100", "model for 1,000"});
  bool any = false;
  for (const Metric &metric : density_metrics()) {
    for (const std::string &name : names) {
      const auto points = density_points(run, name, metric.id);
      const auto line = fit(points);
      if (!line)
        continue;
      any = true;
      auto with_error = [&](double value, double error) {
        return std::format("{} ± {}", shown(metric, value), shown(metric, error));
      };
      text += row({std::string(metric.what), std::string(metric.unit), name_of(name),
                   std::to_string(points.size()),
                   std::format("{:.0f}", std::ranges::max(points, {}, &Point::guests).guests),
                   shown(metric, line->at(0)), with_error(line->each, line->each_error),
                   with_error(line->at(hundred), line->error_at(hundred)),
                   with_error(line->at(thousand), line->error_at(thousand))});
    }
  }
  if (!any)
    return "";
  return "## Many guests\n\nA line through the costs of one guest, two, and so on (least squares), "
         "with its standard error; beyond the number that was measured it is a model, and no "
         "measurement.\n\n" +
         text + "\n";
}

// With little of a core, what the host does by the clock (ticks of all its kernels) takes most of
// it, and the rest is slower than the share says: seen at 0.2, four times.
std::string show_shares(const Run &run) {
  constexpr double enough = 0.7;
  std::vector<double> shares;
  for (const Sample &sample : run.samples) {
    if (sample.share < 1)
      shares.push_back(sample.share);
  }
  if (shares.empty())
    return "";
  return std::format("The lab's emulator had {:.2f} of a core ({:.2f} to {:.2f}) while times were "
                     "measured; they are shown as those of a whole core.{}\n\n",
                     median(shares), std::ranges::min(shares), std::ranges::max(shares),
                     median(shares) < enough
                         ? " **That is too little: the times are those of a busy machine, and only "
                           "what is no time can be believed.**"
                         : "");
}

} // namespace

std::vector<Point> density_points(const Run &run, std::string_view contender,
                                  std::string_view metric) {
  std::vector<Point> points;
  for (const Sample &sample : run.samples_of(contender, metric))
    points.push_back(
        {.guests = static_cast<double>(sample.guests), .cost = sample.value * sample.share});
  return points;
}

std::string report(const Run &run) {
  const std::vector<std::string> names = run.contenders();
  std::string text = "## Circumstances\n\n" + show_circumstances(run.circumstances);
  text += std::format(
      "In the tables: the median, then the range that half of the samples lie in, and how many "
      "samples there are. Ratios are to {}: of medians, and the interval that 95 of 100 draws from "
      "the samples give; an interval that has 1 in it says that there is no difference to be seen. "
      "The last column is the noise: the samples of odd rounds to those of even ones. Of all "
      "metrics less is better.\n\n",
      name_of(std::string(reference)));
  text += show_shares(run);
  for (const Group group : all_groups()) {
    const auto of = metrics_of(run, group);
    if (of.empty())
      continue;
    text += std::format("## {}\n\n", group_title(group));
    text +=
        show_medians(run, of, names) + show_ratios(run, of, names) + show_counts(run, of, names);
  }
  return text + show_density(run, names);
}

std::string table(const Run &run) {
  const std::vector<std::string> names = run.contenders();
  std::string text = std::format("{:<32}", "");
  for (const std::string &name : names)
    text += std::format(" {:>18}", name);
  text += "\n";
  for (const Metric &metric : metrics()) {
    if (!is_there(run, metric))
      continue;
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
