// SPDX-License-Identifier: MIT
#include "busy_guest.hpp"

#include "lab/screenshot.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>

namespace linstub::lab {

using std::chrono::seconds;

namespace {

constexpr auto ask_limit = seconds(150);
constexpr int echo_port = 7007;

} // namespace

BusyGuest::BusyGuest(Scenario &scenario, GuestConfig config)
    : scenario_(scenario), host_(scenario.host()), config_(std::move(config)) {
  config_.direct_boot = true;
  guest_.emplace(scenario_.start(config_));
  if (!::testing::Test::HasFailure())
    go_to_work();
}

void BusyGuest::go_to_work() {
  scenario_.dom0(base::format("fuser -sk {}/tcp || true; (setsid socat TCP-LISTEN:{},fork,"
                              "reuseaddr EXEC:cat >/dev/null 2>&1 </dev/null &)",
                              echo_port, echo_port));
  auto net = guest_->ask("net", ask_limit);
  ASSERT_TRUE(net) << why(net);
  std::istringstream words(*net); // "+ net DRIVER ADDRESS ..."
  for (int i = 0; i < 4; i++)
    words >> address_;
  auto begun = guest_->ask(
      base::format("sh (i=0; while :; do i=$((i+1)); echo $i; sleep 0.3; done | nc $(cat "
                   "/tmp/server) {} >/tmp/echo) >/dev/null 2>&1 & ",
                   echo_port),
      ask_limit);
  ASSERT_TRUE(begun) << why(begun);
  ASSERT_TRUE(guest_->ask("banner", ask_limit));
  // The banner takes its time to be drawn.
  picture_ = picture();
  bool still = false;
  for (int tries = 0; tries < 4 && !still; tries++) {
    std::this_thread::sleep_for(seconds(1));
    std::string next = picture();
    still = next == picture_;
    picture_ = std::move(next);
  }
  if (!still) {
    std::printf("the guest's screen does not stay the same: it is not compared\n");
    picture_.clear();
  }
  expect_all_well("at the start");
}

// The number of lines that have come back over the connection, if none is missing or damaged.
uint64_t BusyGuest::count() {
  auto answer =
      guest_->ask("sh n=0; ok=yes; while read l; do n=$((n+1)); [ \"$l\" = $n ] || ok=no; "
                  "done </tmp/echo; echo + count $ok $n",
                  ask_limit);
  EXPECT_TRUE(answer) << why(answer);
  EXPECT_THAT(answer.value_or(""), ::testing::StartsWith("+ count yes "));
  auto ended = guest_->wait_for("+ sh", ask_limit);
  EXPECT_TRUE(ended) << why(ended);
  constexpr size_t prefix = std::string_view("+ count yes ").size();
  return answer && answer->size() > prefix ? std::strtoull(answer->c_str() + prefix, nullptr, 10)
                                           : 0;
}

std::string BusyGuest::picture() {
  std::string file = ::testing::TempDir() + config_.name + ".png";
  auto taken = take_screenshot(host_, config_.name, file, base::Deadline::after(seconds(90)));
  EXPECT_TRUE(taken) << why(taken);
  EXPECT_GT(taken.value_or(Picture{}).lit, 0.0) << "the screen is black";
  EXPECT_LE(taken.value_or(Picture{}).colours, 16U) << "not a screen of text";
  constexpr size_t largest = size_t{8} << 20;
  return base::read_file(file, largest).value_or("");
}

void BusyGuest::found_again() {
  auto followed = guest_->follow();
  EXPECT_TRUE(followed) << why(followed);
}

void BusyGuest::found_on(const Host &host) {
  host_ = host;
  auto met = GuestRun::meet(host, config_.name);
  ASSERT_TRUE(met) << why(met);
  *guest_ = std::move(*met);
}

void BusyGuest::expect_all_well(const std::string &when) {
  SCOPED_TRACE(when);
  // The connection may have to send again what was lost while nobody served the guest.
  uint64_t now = count();
  for (int tries = 0; tries < 20 && now <= counted_; tries++) {
    std::this_thread::sleep_for(seconds(1));
    now = count();
  }
  EXPECT_GT(now, counted_) << "lines over the TCP connection";
  counted_ = now;
  auto disk = guest_->ask("disk 1", ask_limit);
  EXPECT_TRUE(disk) << why(disk);
  if (!picture_.empty()) {
    EXPECT_EQ(picture() == picture_, true) << "the screen has changed";
  }
}

void BusyGuest::expect_alive() {
  auto disk = guest_->ask("disk 1", ask_limit);
  EXPECT_TRUE(disk) << why(disk);
}

std::string BusyGuest::config_of(DeviceModel device_model,
                                 const std::vector<std::string> &extra) const {
  GuestConfig config = config_;
  config.device_model = device_model;
  config.extra.insert(config.extra.end(), extra.begin(), extra.end());
  return base::format("cat > /var/tmp/t.cfg <<'END'\n{}END", xl_config(config));
}

} // namespace linstub::lab
