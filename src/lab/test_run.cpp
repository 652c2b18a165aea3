// SPDX-License-Identifier: MIT
#include "lab/test_run.hpp"

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "lab/lab.hpp"
#include "lab/test_parts.hpp"
#include "lab/test_results.hpp"
#include "lab/test_worker.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <map>

namespace linstub::lab {
namespace fs = std::filesystem;

using base::Deadline;
using std::chrono::seconds;

namespace {

constexpr int interrupted_status = 128 + SIGINT; // as a shell says it
constexpr auto list_limit = seconds(60);
constexpr auto end_limit = seconds(10);

using Names = std::vector<std::string>;

base::Result<Names> list(const TestRunOptions &options, Names arguments) {
  arguments.insert(arguments.begin(), {options.program.string(), "--gtest_list_tests"});
  return listed_scenarios(
      TRY(base::run_checked({.argv = std::move(arguments)}, Deadline::after(list_limit))));
}

using Scenarios = std::map<Shape, Names>;

// What makes one part only first: that takes longest.
constexpr std::array shapes{Shape::iommu, Shape::libvirt, Shape::counted, Shape::warm};

// Each shape's scenarios: the program knows which they are, and gtest what the filter means.
base::Result<Scenarios> select(const TestRunOptions &options) {
  Scenarios selected;
  Names filtered;
  if (!options.filter.empty())
    filtered = TRY(list(options, {"--gtest_filter=" + options.filter}));
  for (Shape shape : shapes) {
    if (options.shape && *options.shape != shape)
      continue;
    Names names = TRY(list(options, {"--shape", std::string(shape_name(shape))}));
    if (!options.filter.empty())
      std::erase_if(names,
                    [&](const auto &name) { return !std::ranges::contains(filtered, name); });
    if (!names.empty())
      selected[shape] = std::move(names);
  }
  return selected;
}

// Labs of the run's own; not one that is up already, not a real host.
bool on_fresh_labs(const TestRunOptions &options) {
  return options.host.empty() && options.lab.empty();
}

std::vector<Part> deal_out(const Scenarios &scenarios, bool fresh) {
  std::vector<Part> all;
  for (Shape shape : shapes) {
    auto names = scenarios.find(shape);
    if (names == scenarios.end())
      continue;
    auto some = fresh ? parts_of(shape, names->second.size()) : std::vector{Part{.shape = shape}};
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

base::Result<size_t> how_many(const TestRunOptions &options) {
  if (options.count != 0)
    return options.count;
  constexpr size_t largest = size_t{64} << 10;
  return labs_at_once(TRY(base::read_file("/proc/meminfo", largest)));
}

base::Result<std::vector<Place>> find_places(const TestRunOptions &options, size_t parts) {
  if (!options.host.empty())
    return std::vector{Place{.title = options.host, .arguments = {"--host", options.host}}};
  if (!options.lab.empty())
    return std::vector{
        Place{.title = "lab " + options.lab, .arguments = {"--lab", options.lab, "--keep"}}};
  std::vector<Place> places;
  const size_t count = std::min(TRY(how_many(options)), parts);
  for (size_t i = 1; i <= count; i++) {
    const std::string name = base::format("{}-{}", options.labs, i);
    places.push_back(
        {.title = base::format("lab {}", i), .lab = name, .arguments = {"--lab", name}});
  }
  return places;
}

// Nobody else's run may take down the labs of this one.
base::Result<base::Fd> reserve(Labs &labs, const std::string &name) {
  const fs::path path = labs.cache().root() / base::format("lab-{}.lock", name);
  base::Fd lock = TRY(base::open_file(path, O_RDWR | O_CREAT, 0644));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return base::fail("another run has the labs {}-1 and so on: wait for it, or give --name", name);
  return lock;
}

// The run itself: starts the workers, ends them on a signal, returns when none works.
base::Result<bool> work(base::EventLoop &loop, Deal &deal, std::vector<Worker> &workers) {
  bool interrupted = false;
  base::EventLoop::Handle hard_end;
  auto end_all = [&](int number) {
    for (Worker &worker : workers)
      worker.signal(number);
  };
  auto signals = TRY(loop.on_signals({SIGINT, SIGTERM, SIGHUP}, [&](int) {
    interrupted = true;
    deal.close();
    end_all(SIGTERM);
    hard_end = loop.at(Deadline::after(end_limit), [&] { end_all(SIGKILL); });
  }));
  for (Worker &worker : workers)
    worker.go_on();
  while (std::ranges::any_of(workers, &Worker::working))
    TRY(loop.run());
  return interrupted;
}

} // namespace

base::Result<TestRun> run_scenarios(const TestRunOptions &wanted) {
  const auto begin = base::Clock::now();
  TestRunOptions options = wanted;
  std::optional<Labs> labs;
  if (!options.host.empty()) {
    options.shape = options.shape.value_or(Shape::warm);
  } else {
    labs = TRY(Labs::open(options.config));
  }
  if (!options.lab.empty()) {
    auto state = TRY(labs->find(options.lab));
    if (!state)
      return base::fail("lab {} is not up: start it with `linstub lab up --name {}`", options.lab,
                        options.lab);
    options.shape = state->shape;
  }

  const auto scenarios = TRY(select(options).transform_error(base::doing("list the scenarios")));
  size_t total = 0;
  for (const auto &[shape, names] : scenarios)
    total += names.size();
  if (total == 0)
    return base::fail("there is no such scenario: {} --gtest_list_tests shows all",
                      options.program.string());
  auto parts = deal_out(scenarios, on_fresh_labs(options));
  auto places = TRY(find_places(options, parts.size()));
  base::Fd lock;
  if (on_fresh_labs(options))
    lock = TRY(reserve(*labs, options.labs));

  auto loop = TRY(base::EventLoop::create());
  Deal deal(std::move(parts));
  const Shared shared{options, scenarios, *loop, deal, labs ? &*labs : nullptr};
  std::vector<Worker> workers;
  workers.reserve(places.size());
  for (Place &place : places)
    workers.emplace_back(shared, std::move(place));
  const bool interrupted = TRY(work(*loop, deal, workers));

  TestResults results;
  for (const Worker &worker : workers) {
    results.add(worker.results());
    if (worker.place().lab.empty())
      continue;
    // The program may have been killed before it did so.
    base::log_failure(labs->down(worker.place().lab));
  }
  return TestRun{.status = interrupted ? interrupted_status : deal.worst(),
                 .summary = results.summary(
                     total, std::chrono::duration_cast<seconds>(base::Clock::now() - begin))};
}

} // namespace linstub::lab
