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

class Runner {
public:
  Runner(const lab::Host &host, const RunOptions &options) : host_(host), options_(options) {}

  Result<Run> run() {
    run_.circumstances = options_.circumstances;
    std::ranges::move(TRY(describe(host_)), std::back_inserter(run_.circumstances));
    TRY(write(to_json(run_.circumstances)));
    for (uint32_t round = 1; round <= options_.rounds; round++) {
      uint32_t place = 0;
      for (const Contender &contender : order_in(round, options_.contenders))
        TRY(take(contender, round, ++place));
    }
    return std::move(run_);
  }

private:
  Result<> take(const Contender &contender, uint32_t round, uint32_t place) {
    tell(std::format("round {} of {}: {}{}", round, options_.rounds, contender.what, remaining()));
    for (const auto &[metric, value] : TRY(measure(host_, contender, options_.thoroughness))) {
      run_.samples.push_back({.contender = std::string(contender.name),
                              .metric = std::string(metric),
                              .round = round,
                              .place = place,
                              .value = value});
      TRY(write(to_json(run_.samples.back())));
    }
    done_++;
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
  size_t done_ = 0;
  base::Clock::time_point begin_ = base::Clock::now();
};

} // namespace

Result<Run> run(const lab::Host &host, const RunOptions &options) {
  return Runner(host, options).run();
}

} // namespace linstub::bench
