// SPDX-License-Identifier: MIT
#include "bench/sample.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

namespace linstub::bench {
namespace {

using base::Result;
using Json = nlohmann::ordered_json;

constexpr uint32_t most_rounds = 100'000;
constexpr uint32_t most_guests = 10'000;

Result<Circumstances> parse_circumstances(const Json &run) {
  Circumstances all;
  for (const auto &[name, value] : run.items()) {
    if (!value.is_string())
      return base::fail("\"{}\" of the run is not a text", name);
    all.emplace_back(name, value.get<std::string>());
  }
  return all;
}

Result<std::string> text_in(const Json &line, const char *name) {
  auto found = line.find(name);
  if (found == line.end() || !found->is_string())
    return base::fail("it has no text \"{}\"", name);
  return found->get<std::string>();
}

Result<uint32_t> count_in(const Json &line, const char *name, uint32_t most) {
  auto found = line.find(name);
  if (found == line.end() || !found->is_number_unsigned() || found->get<uint64_t>() == 0 ||
      found->get<uint64_t>() > most)
    return base::fail("it has no number \"{}\" from 1 to {}", name, most);
  return found->get<uint32_t>();
}

bool is_number(const Json &value) {
  return value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() >= 0;
}

Result<Sample> parse_sample(const Json &line) {
  Sample sample{.contender = TRY(text_in(line, "contender")),
                .metric = TRY(text_in(line, "metric")),
                .round = TRY(count_in(line, "round", most_rounds)),
                .place = TRY(count_in(line, "place", most_rounds))};
  if (line.contains("guests"))
    sample.guests = TRY(count_in(line, "guests", most_guests));
  auto value = line.find("value");
  if (value == line.end() || !is_number(*value))
    return base::fail("it has no number \"value\" of 0 or more");
  sample.value = value->get<double>();
  if (auto share = line.find("share"); share != line.end()) {
    if (!share->is_number() || !(share->get<double>() > 0) || share->get<double>() > 1)
      return base::fail("its \"share\" is not a number above 0 and up to 1");
    sample.share = share->get<double>();
  }
  if (auto counts = line.find("counts"); counts != line.end()) {
    if (!counts->is_object())
      return base::fail("its \"counts\" are no object");
    for (const auto &[name, count] : counts->items()) {
      if (!is_number(count))
        return base::fail("its count \"{}\" is not a number of 0 or more", name);
      sample.counts[name] = count.get<double>();
    }
  }
  return sample;
}

Result<> parse_line(std::string_view text, Run &run) {
  const Json line = Json::parse(text, nullptr, false);
  if (!line.is_object())
    return base::fail("it is not a JSON object");
  if (auto said = line.find("run"); said != line.end() && said->is_object()) {
    run.circumstances = TRY(parse_circumstances(*said));
    return {};
  }
  run.samples.push_back(TRY(parse_sample(line)));
  return {};
}

} // namespace

std::string to_json(const Circumstances &circumstances) {
  Json all = Json::object();
  for (const auto &[name, value] : circumstances)
    all[name] = value;
  return Json{{"run", std::move(all)}}.dump();
}

std::string to_json(const Sample &sample) {
  Json line{{"contender", sample.contender},
            {"metric", sample.metric},
            {"round", sample.round},
            {"place", sample.place},
            {"value", sample.value}};
  if (sample.guests != 1)
    line["guests"] = sample.guests;
  if (sample.share != 1)
    line["share"] = sample.share;
  if (!sample.counts.empty())
    line["counts"] = sample.counts;
  return line.dump();
}

Result<Run> parse_run(std::string_view lines) {
  Run run;
  for (size_t number = 1; !lines.empty(); number++) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (!line.empty())
      TRY(parse_line(line, run).transform_error(base::doing("line {}", number)));
  }
  return run;
}

std::vector<Sample> Run::samples_of(std::string_view contender, std::string_view metric) const {
  std::vector<Sample> found;
  for (const Sample &sample : samples) {
    if (sample.contender == contender && sample.metric == metric)
      found.push_back(sample);
  }
  std::ranges::stable_sort(found, {}, &Sample::round);
  return found;
}

std::vector<double> Run::values(std::string_view contender, std::string_view metric) const {
  std::vector<double> all;
  for (const Sample &sample : samples_of(contender, metric))
    all.push_back(sample.value * sample.share);
  return all;
}

std::vector<double> Run::counts(std::string_view contender, std::string_view metric,
                                std::string_view count) const {
  std::vector<double> all;
  for (const Sample &sample : samples_of(contender, metric)) {
    if (const auto found = sample.counts.find(count); found != sample.counts.end())
      all.push_back(found->second);
  }
  return all;
}

std::vector<std::string> Run::contenders() const {
  std::vector<std::string> names;
  for (const Sample &sample : samples) {
    if (!std::ranges::contains(names, sample.contender))
      names.push_back(sample.contender);
  }
  return names;
}

Run join(std::vector<Run> runs) {
  Run all;
  for (size_t i = 0; i < runs.size(); i++) {
    for (auto &[name, value] : runs[i].circumstances) {
      const auto said = std::ranges::find_if(all.circumstances, [&](const auto &one) {
        return one.first == name && one.second == value;
      });
      if (said == all.circumstances.end())
        all.circumstances.emplace_back(
            i == 0 ? std::move(name) : base::format("{} (file {})", name, i + 1), std::move(value));
    }
    std::ranges::move(runs[i].samples, std::back_inserter(all.samples));
  }
  return all;
}

} // namespace linstub::bench
