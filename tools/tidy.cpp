// SPDX-License-Identifier: MIT
// linstub-tidy CHECKOUT BUILD [PATH..]: runs clang-tidy on the sources in BUILD's
// compile_commands.json, but not on those that were clean once and have not changed since
// ($LINSTUB_CACHE/tidy). With paths, only on those whose path below CHECKOUT begins with one.
//
// Exit status 0: all are clean; 1: there are findings, and they have been shown; 69: it could not
// be told.
#include "base/log.hpp"
#include "base/process.hpp"
#include "cache/cache.hpp"
#include "tools/tidy_key.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <span>
#include <thread>

namespace linstub::tools {
namespace {
namespace fs = std::filesystem;

using base::Deadline;
using std::chrono::minutes;

constexpr auto source_limit = minutes(10);
constexpr auto version_limit = minutes(1);
constexpr auto mark_life = std::chrono::days(30); // after it was needed the last time
constexpr size_t largest_database = size_t{64} << 20;

struct Work {
  fs::path file; // below the checkout
  fs::path mark; // is there if the file is clean
};

// The project's own sources, each once.
base::Result<std::vector<Source>> read_database(const fs::path &checkout, const fs::path &build) {
  const auto text = TRY(base::read_file(build / "compile_commands.json", largest_database));
  const auto database = nlohmann::json::parse(text, nullptr, false);
  std::map<fs::path, Source> sources;
  for (const auto &entry : database) {
    if (!entry.is_object())
      return base::fail("{}/compile_commands.json is not understood", build.string());
    const fs::path file = fs::path(entry.value("file", "")).lexically_relative(checkout);
    if (file.empty() || file.begin()->string() == "..")
      continue;
    sources[file].file = file;
    sources[file].commands.insert(entry.value("command", ""));
  }
  std::vector<Source> list;
  list.reserve(sources.size());
  for (auto &[file, source] : sources)
    list.push_back(std::move(source));
  if (list.empty())
    return base::fail("{}/compile_commands.json names no source of {}", build.string(),
                      checkout.string());
  return list;
}

base::Result<fs::path> marks_directory() {
  const auto cache = TRY(cache::Cache::open());
  fs::path marks = cache.root() / "tidy";
  std::error_code error;
  fs::create_directories(marks, error);
  if (error)
    return base::fail("make {}: {}", marks.string(), error.message());
  const auto oldest = fs::file_time_type::clock::now() - mark_life;
  for (const auto &entry : fs::directory_iterator(marks, error)) {
    if (entry.last_write_time(error) < oldest)
      fs::remove(entry.path(), error);
  }
  return marks;
}

// What has to be checked.
base::Result<std::vector<Work>> unknown(const fs::path &checkout,
                                        const std::vector<Source> &sources) {
  const fs::path marks = TRY(marks_directory());
  const auto version =
      TRY(base::run_checked({.argv = {"clang-tidy", "--version"}}, Deadline::after(version_limit)));
  TidyKeys keys(checkout, version);
  std::vector<Work> rest;
  for (const Source &source : sources) {
    Work work{source.file, marks / TRY(keys.key(source))};
    std::error_code error;
    fs::last_write_time(work.mark, fs::file_time_type::clock::now(), error); // it is in use
    if (error)
      rest.push_back(std::move(work));
  }
  return rest;
}

// Checks sources on every CPU. Each worker takes the next one.
class Checks {
public:
  Checks(fs::path checkout, fs::path build, std::vector<Work> work)
      : checkout_(std::move(checkout)), build_(std::move(build)), work_(std::move(work)) {}

  // How many are not clean.
  size_t run() {
    std::vector<std::jthread> workers;
    for (unsigned int i = 0; i < std::max(1U, std::thread::hardware_concurrency()); i++)
      workers.emplace_back([this] {
        while (const Work *work = take())
          say(check(*work));
      });
    workers.clear(); // waits for them
    return unclean_;
  }

private:
  const Work *take() {
    const std::scoped_lock lock(mutex_);
    if (next_ == work_.size())
      return nullptr;
    const Work &work = work_[next_++];
    if (::isatty(STDERR_FILENO) == 1)
      std::fprintf(stderr, "\r\x1b[Kclang-tidy: %zu of %zu: %s\r", next_, work_.size(),
                   work.file.c_str());
    return &work;
  }

  // What there is to say of a source; nothing if it is clean.
  std::string check(const Work &work) {
    auto output = base::run(
        {.argv = {"clang-tidy", "-quiet", "-p", build_.string(), (checkout_ / work.file).string()}},
        Deadline::after(source_limit));
    if (!output)
      return output.error().message() + "\n";
    if (!output->status.success())
      return output->out.empty() ? output->err : output->out; // the second only counts

    auto marked = base::replace_file(work.mark, "");
    return marked ? "" : marked.error().message() + "\n";
  }

  void say(const std::string &text) {
    if (text.empty())
      return;
    const std::scoped_lock lock(mutex_);
    unclean_++;
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  fs::path checkout_;
  fs::path build_;
  std::vector<Work> work_;
  std::mutex mutex_;
  size_t next_ = 0;
  size_t unclean_ = 0;
};

bool wanted(const fs::path &file, std::span<char *> beginnings) {
  return beginnings.empty() || std::ranges::any_of(beginnings, [&](const char *beginning) {
           return file.string().starts_with(beginning);
         });
}

base::Result<size_t> tidy(const fs::path &checkout, const fs::path &build,
                          std::span<char *> beginnings) {
  auto sources = TRY(read_database(checkout, build));
  std::erase_if(sources, [&](const Source &source) { return !wanted(source.file, beginnings); });
  auto rest = TRY(unknown(checkout, sources));
  const size_t count = rest.size();
  const size_t unclean = Checks(checkout, build, std::move(rest)).run();
  std::printf("clang-tidy: %zu sources, %zu of them checked, %zu with findings\n", sources.size(),
              count, unclean);
  return unclean;
}

} // namespace
} // namespace linstub::tools

int main(int argc, char **argv) {
  using namespace linstub;
  base::set_log("linstub-tidy", base::LogLevel::info);
  const std::span arguments(argv, static_cast<size_t>(argc));
  if (arguments.size() < 3) {
    std::fputs("usage: linstub-tidy CHECKOUT BUILD [PATH..]\n", stderr);
    return 2;
  }
  auto unclean = tools::tidy(arguments[1], arguments[2], arguments.subspan(3));
  if (!unclean) {
    base::log_failure(unclean);
    return base::infrastructure_failed;
  }
  return *unclean == 0 ? 0 : 1;
}
