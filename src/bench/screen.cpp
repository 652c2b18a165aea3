// SPDX-License-Identifier: MIT
#include "bench/screen.hpp"

#include "bench/statistics.hpp"
#include "lab/viewer.hpp"

#include <future>

namespace linstub::bench {
namespace {

using base::Deadline;
using base::Milliseconds;
using base::Result;
using std::chrono::seconds;

constexpr auto connect_limit = seconds(120);
constexpr auto key_limit = seconds(60);
constexpr auto ask_limit = seconds(400);
constexpr Milliseconds turn{200};

// Several times what it is for `cpu.work`: a second at the least, in which the viewer has asked for
// more than one picture.
constexpr unsigned quick_work = 200'000, full_work = 800'000; // thousands of steps

class Measurement {
public:
  Measurement(const lab::Host &host, const Contender &contender, lab::GuestRun &guest,
              Thoroughness thoroughness)
      : host_(host), contender_(contender), guest_(guest),
        quick_(thoroughness == Thoroughness::quick) {}

  Result<Values> run() {
    TRY(guest_.ask(lab::quiet_screen, ask_limit));
    viewer_ = TRY(lab::Viewer::connect(host_, guest_.name(), Deadline::after(connect_limit)));
    TRY(viewer_->wait_for_picture(Deadline::after(connect_limit)));
    viewer_->settle();
    TRY(press_keys());
    TRY(add_cpu_time("screen.idle-dom0", "screen.idle-stub"));
    TRY(guest_.ask(lab::scroll_screen, ask_limit));
    TRY(add_cpu_time("screen.scroll-dom0", "screen.scroll-stub"));
    TRY(guest_.ask(lab::end_scrolling, ask_limit));
    viewer_->settle();
    TRY(work_beside());
    return std::move(values_);
  }

private:
  // Each when the one before has been seen: one that is seen at once with another says nothing.
  Result<> press_keys() {
    std::vector<double> times;
    const size_t keys = quick_ ? 5 : 20;
    while (times.size() < keys) {
      const Milliseconds time = TRY(viewer_->press_and_see('a', Deadline::after(key_limit)));
      times.push_back(std::chrono::duration<double>(time).count());
      viewer_->settle();
    }
    values_.push_back({.metric = "screen.key", .value = median(times)});
    return {};
  }

  // Does something on the host while `view` goes on with the viewer.
  template <class Work, class View>
  auto beside(const Work &work, const View &view) -> std::invoke_result_t<Work> {
    auto result = std::async(std::launch::async, work);
    Result<bool> seen = true;
    while (seen && result.wait_for(seconds(0)) != std::future_status::ready)
      seen = view();
    auto done = result.get();
    if (!seen)
      return std::unexpected(std::move(seen).error());
    return done;
  }

  Result<> add_cpu_time(std::string_view of_dom0, std::string_view of_stub) {
    const int time = quick_ ? 5 : 15; // s
    const Look look = TRY(beside([&] { return look_at_idle_cpus(host_, guest_.name(), time); },
                                 [&] { return viewer_->serve(Deadline::after(turn)); }));
    values_.push_back({.metric = of_dom0, .value = TRY(get(look, "dom0"))});
    if ((contender_.has & has::stub_domain) != 0)
      values_.push_back({.metric = of_stub, .value = TRY(get(look, "stub"))});
    return {};
  }

  Result<> work_beside() {
    const unsigned count = quick_ ? quick_work : full_work;
    const Share since(host_);
    const std::string answer = TRY(
        beside([&] { return guest_.ask(base::format("measure cpu {}", count), ask_limit); },
               [&] { return viewer_->update(lab::Viewer::Ask::all, Deadline::after(key_limit)); }));
    values_.push_back(
        {.metric = "screen.work", .value = TRY(parse_answer(answer)), .share = since.part()});
    return {};
  }

  const lab::Host &host_;
  const Contender &contender_;
  lab::GuestRun &guest_;
  const bool quick_;
  std::unique_ptr<lab::Viewer> viewer_;
  Values values_;
};

} // namespace

Result<Values> measure_screen(const lab::Host &host, const Contender &contender,
                              lab::GuestRun &guest, Thoroughness thoroughness) {
  return Measurement(host, contender, guest, thoroughness)
      .run()
      .transform_error(base::doing("measure the screen of {}", guest.name()));
}

} // namespace linstub::bench
