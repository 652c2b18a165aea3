// SPDX-License-Identifier: MIT
#include "bench/run.hpp"

#include "bench/metric.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <iterator>

namespace linstub::bench {
namespace {

using base::Result;

constexpr int most_excuses = 5; // for one contender in one round

class Runner {
public:
  Runner(const lab::Host &host, const RunOptions &options) : host_(host), options_(options) {}

  Result<Outcome> run() {
    run_.circumstances = options_.circumstances;
    std::ranges::move(TRY(describe(host_)), std::back_inserter(run_.circumstances));
    TRY(write(to_json(run_.circumstances)));
    for (uint32_t round = 1; round <= options_.rounds; round++) {
      uint32_t place = 0;
      for (const Contender &contender : order_in(round, options_.contenders))
        TRY(take(contender, round, ++place));
    }
    if (excused_ != 0)
      tell(std::format("the host failed {} times, and what it failed in was measured again",
                       excused_));
    return Outcome{.run = std::move(run_), .failures = std::move(failures_)};
  }

private:
  Result<> take(const Contender &contender, uint32_t round, uint32_t place) {
    const size_t before = run_.samples.size();
    auto keep = [&](const Value &value, uint32_t guests) {
      run_.samples.push_back({.contender = std::string(contender.name),
                              .metric = std::string(value.metric),
                              .round = round,
                              .place = place,
                              .guests = guests,
                              .share = value.share,
                              .value = value.value,
                              .counts = value.counts});
    };
    for (int excuses = 0;; excuses++) {
      tell(
          std::format("round {} of {}: {}{}", round, options_.rounds, contender.what, remaining()));
      auto done = measure_all(contender, keep);
      if (done)
        break;
      run_.samples.resize(before);
      const auto excuse = options_.excuse ? options_.excuse() : std::nullopt;
      if (!excuse || excuses == most_excuses) {
        failures_.push_back(std::format("round {}: {}", round, done.error().message()));
        tell(failures_.back());
        break;
      }
      tell(std::format("the host failed: {}", *excuse));
      excused_++;
    }
    for (size_t i = before; i < run_.samples.size(); i++)
      TRY(write(to_json(run_.samples[i])));
    done_++;
    return {};
  }

  template <class Keep>
  Result<> measure_all(const Contender &contender, const Keep &keep) {
    if (options_.guests == 0) {
      for (const Value &value : TRY(measure(host_, contender, options_.measure)))
        keep(value, 1);
      return {};
    }
    for (const Crowd &crowd :
         TRY(measure_density(host_, contender, options_.measure, options_.guests))) {
      for (const Value &value : crowd.values)
        keep(value, crowd.guests);
    }
    return {};
  }

  // As long as those before have taken, each of those to come will.
  [[nodiscard]] std::string remaining() const {
    if (done_ == 0)
      return "";
    const size_t all = options_.rounds * options_.contenders.size();
    const std::chrono::duration<double> took = base::Clock::now() - begin_;
    const double left =
        took.count() / static_cast<double>(done_) * static_cast<double>(all - done_);
    return std::format("; some {:.0f} min to go", std::ceil(left / 60));
  }

  Result<> write(const std::string &line) {
    return options_.write ? options_.write(line) : Result<>();
  }
  void tell(const std::string &said) {
    if (options_.tell)
      options_.tell(said);
  }

  const lab::Host &host_;
  const RunOptions &options_;
  Run run_;
  std::vector<std::string> failures_;
  size_t done_ = 0;
  int excused_ = 0;
  base::Clock::time_point begin_ = base::Clock::now();
};

} // namespace

Result<Outcome> run(const lab::Host &host, const RunOptions &options) {
  return Runner(host, options).run();
}

} // namespace linstub::bench
