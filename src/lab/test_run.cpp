#include "lab/test_run.hpp"

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "lab/lab.hpp"
#include "lab/test_parts.hpp"
#include "lab/test_results.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace linstub::lab {
namespace fs = std::filesystem;

using base::Deadline;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr int infrastructure_failed = 69;
constexpr int signalled = 128; // to which a shell adds the number of the signal
constexpr auto list_limit = seconds(60);
constexpr auto part_limit = hours(5); // two labs, one after the other, end by themselves before
constexpr auto end_limit = seconds(10);

using Names = std::vector<std::string>;

base::Result<Names> list(const TestRunOptions &options, Names arguments) {
  arguments.insert(arguments.begin(), {options.program.string(), "--gtest_list_tests"});
  return listed_scenarios(
      TRY(base::run_checked({.argv = std::move(arguments)}, Deadline::after(list_limit))));
}

// The one that boots cold first: it takes longest.
constexpr std::array shapes{Shape::iommu, Shape::warm};

// Each shape's scenarios: the program knows which they are, and gtest what the filter means.
base::Result<std::map<Shape, Names>> select(const TestRunOptions &options) {
  std::map<Shape, Names> selected;
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

// Where a worker runs its parts.
struct Place {
  std::string title; // in front of each line
  std::string name;  // of a lab that is the worker's own; empty: not its own
  Names arguments;   // that tell the program
};

// All that the workers share.
struct Shared {
  const TestRunOptions &options;
  const std::map<Shape, Names> &scenarios;
  base::EventLoop &loop;
  Deal &deal;
  Labs *labs; // nullptr on a real host
};

// Runs the program for one part after another, until there is none left. Must not be moved while
// it works.
class Worker {
public:
  Worker(const Shared &shared, Place place) : shared_(shared), place_(std::move(place)) {}

  [[nodiscard]] bool working() const { return working_; }
  [[nodiscard]] const Place &place() const { return place_; }
  [[nodiscard]] const TestResults &results() const { return results_; }

  // Begins with the next part.
  void go_on();

  // To the program and all that it has started.
  void signal(int number) {
    if (working_)
      ::kill(-child_.pid(), number);
  }

private:
  base::Result<> start(const Part &part);
  void read();
  void ended();
  void say(std::string_view line);

  Shared shared_;
  Place place_;
  TestResults results_;
  bool working_ = false;
  base::Child child_;
  base::Fd output_;
  std::string partial_; // of a line
  base::EventLoop::Handle readable_;
  base::EventLoop::Handle over_;
  base::EventLoop::Handle limit_;
};

void Worker::say(std::string_view line) {
  std::printf("%s: %.*s\n", place_.title.c_str(), static_cast<int>(line.size()), line.data());
  std::fflush(stdout);
}

void Worker::go_on() {
  working_ = false;
  while (auto part = shared_.deal.take()) {
    auto started = start(*part);
    if (started) {
      working_ = true;
      return;
    }
    say(started.error().message());
    shared_.deal.ended(infrastructure_failed);
  }
}

base::Result<> Worker::start(const Part &part) {
  const TestRunOptions &options = shared_.options;
  if (!place_.name.empty()) // what a run that was killed has left is not fresh
    TRY(shared_.labs->down(place_.name));
  Names argv{"env"};
  argv.insert(argv.end(), options.environment.begin(), options.environment.end());
  argv.insert(argv.end(), {base::format("GTEST_TOTAL_SHARDS={}", part.of),
                           base::format("GTEST_SHARD_INDEX={}", part.index),
                           options.program.string(), "--config", options.config.string(), "--shape",
                           std::string(shape_name(part.shape))});
  argv.insert(argv.end(), place_.arguments.begin(), place_.arguments.end());
  if (!options.tree.empty())
    argv.insert(argv.end(), {"--tree", options.tree.string()});
  if (!options.filter.empty())
    argv.push_back("--gtest_filter=" + base::join(shared_.scenarios.at(part.shape), ":"));

  base::Pipe pipe = TRY(base::make_pipe());
  base::Command command{.argv = std::move(argv),
                        .standard_output = pipe.write.get(),
                        .standard_error = pipe.write.get()};
  // A process group of its own is ended as one, and does not outlive us.
  command.before_exec = [] {
    return ::setpgid(0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 ? 0 : errno;
  };
  TRY(base::set_nonblocking(pipe.read));
  child_ = TRY(base::start(command));
  output_ = std::move(pipe.read);
  readable_ = TRY(shared_.loop.watch(output_.get(), EPOLLIN, [this](uint32_t) { read(); }));
  over_ = TRY(shared_.loop.watch(child_.pidfd().get(), EPOLLIN, [this](uint32_t) { ended(); }));
  limit_ = shared_.loop.at(Deadline::after(part_limit), [this] {
    say("this part has not come to its end in time");
    signal(SIGKILL);
  });
  return {};
}

// Until there is nothing more for now.
void Worker::read() {
  std::array<char, 16384> buffer;
  for (;;) {
    ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EAGAIN)
      return;
    if (got <= 0)
      break;
    partial_.append(buffer.data(), static_cast<size_t>(got));
    for (size_t end = 0; (end = partial_.find('\n')) != std::string::npos;) {
      results_.line(std::string_view(partial_).substr(0, end));
      say(std::string_view(partial_).substr(0, end));
      partial_.erase(0, end + 1);
    }
  }
  readable_.reset();
}

void Worker::ended() {
  auto status = child_.poll();
  if (status && !*status)
    return;
  if (readable_)
    read(); // what it left running may hold the pipe open: only what is there
  if (!partial_.empty())
    say(std::exchange(partial_, {}));
  readable_.reset();
  over_.reset();
  limit_.reset();
  if (!status) {
    say(status.error().message());
    shared_.deal.ended(infrastructure_failed);
  } else {
    const base::ExitStatus &how = **status;
    shared_.deal.ended(how.signal != 0 ? signalled + how.signal : how.code);
  }
  go_on();
  if (!working_)
    shared_.loop.stop(); // run() looks whether the others work
}

base::Result<size_t> how_many(const TestRunOptions &options) {
  if (options.count != 0)
    return options.count;
  constexpr size_t largest = size_t{64} << 10;
  return labs_at_once(TRY(base::read_file("/proc/meminfo", largest)));
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
  const bool fresh = options.host.empty() && options.lab.empty();
  std::vector<Part> parts;
  size_t total = 0;
  for (Shape shape : shapes) {
    auto names = scenarios.find(shape);
    if (names == scenarios.end())
      continue;
    auto some = fresh ? parts_of(shape, names->second.size()) : std::vector{Part{.shape = shape}};
    parts.insert(parts.end(), some.begin(), some.end());
    total += names->second.size();
  }
  if (total == 0)
    return base::fail("there is no such scenario: {} --gtest_list_tests shows all",
                      options.program.string());

  base::Fd lock;
  std::vector<Place> places;
  if (!options.host.empty()) {
    places.push_back({.title = options.host, .name = "", .arguments = {"--host", options.host}});
  } else if (!options.lab.empty()) {
    places.push_back(
        {.title = "lab " + options.lab, .name = "", .arguments = {"--lab", options.lab, "--keep"}});
  } else {
    lock = TRY(reserve(*labs, options.labs));
    for (size_t i = 1; i <= std::min(TRY(how_many(options)), parts.size()); i++) {
      const std::string name = base::format("{}-{}", options.labs, i);
      places.push_back(
          {.title = base::format("lab {}", i), .name = name, .arguments = {"--lab", name}});
    }
  }

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
    if (worker.place().name.empty())
      continue;
    // The program may have been killed before it did so.
    if (auto down = labs->down(worker.place().name); !down)
      base::log_error("{}", down.error().message());
  }
  return TestRun{.status = interrupted ? signalled + SIGINT : deal.worst(),
                 .summary = results.summary(
                     total, std::chrono::duration_cast<seconds>(base::Clock::now() - begin))};
}

} // namespace linstub::lab
