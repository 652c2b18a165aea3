// SPDX-License-Identifier: MIT
#include "scenario.hpp"

#include "base/process.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

namespace linstub::lab {

using base::Deadline;
using base::Milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

namespace {

constexpr auto command_limit = seconds(90);
constexpr auto create_limit = seconds(120);
constexpr auto boot_limit = seconds(240);
constexpr auto cleanup_limit = seconds(60);

std::string pattern(int mebibytes, const std::string &seed) {
  return base::format("yes \"$(echo {} | sha256sum)\" | head -c {}", seed, mebibytes << 20);
}

} // namespace

bool thorough() { return std::getenv("LINSTUB_THOROUGH") != nullptr; }

int rounds(int usual, int most) {
  const char *text = std::getenv("LINSTUB_ROUNDS");
  return text != nullptr ? std::clamp(std::atoi(text), 1, most) : usual;
}

void Scenario::SetUp() {
  auto before = Inventory::take(host());
  ASSERT_TRUE(before) << why(before);
  before_ = std::move(*before);
}

void Scenario::TearDown() {
  if (IsSkipped()) // perhaps before it began
    return;
  auto destroyed = host().run("for d in $(xl list | awk 'NR > 1 && $1 ~ /^t-/ && $1 !~ /-dm$/ "
                              "{ print $1 }'); do xl destroy $d; done",
                              command_limit);
  EXPECT_TRUE(destroyed) << why(destroyed);
  EXPECT_THAT(left_within(cleanup_limit), ::testing::IsEmpty());
  if (HasFailure()) {
    auto logs = host().run("tail -n 15 /var/log/xen/qemu-dm-t-*.log /var/log/xen/xl-t-*.log",
                           command_limit);
    if (logs)
      std::printf("%s\n", logs->out.c_str());
  }
  auto cleaned = host().run("rm -f /var/log/xen/*t-*.log* /run/lab-t-*", command_limit);
  EXPECT_TRUE(cleaned) << why(cleaned);
}

GuestConfig Scenario::pv_guest(const std::string &name, std::vector<std::string> lines,
                               const std::string &options, DeviceModel device_model) {
  auto added = stage().add_pv_guest();
  EXPECT_TRUE(added) << why(added);
  GuestConfig config{
      .name = name, .device_model = device_model, .disk = "", .extra = pv_guest_lines(options)};
  std::ranges::move(lines, std::back_inserter(config.extra));
  return config;
}

GuestRun Scenario::start(const GuestConfig &config) {
  auto guest = GuestRun::create(host(), config, create_limit);
  if (!guest)
    throw std::runtime_error(guest.error().message()); // the test cannot go on without its guest
  auto ready = guest->wait_for("+ ready", boot_limit);
  if (!ready)
    throw std::runtime_error(ready.error().message());
  return std::move(*guest);
}

std::string Scenario::dom0(const std::string &command) {
  auto output = host().check(command, command_limit);
  EXPECT_TRUE(output) << why(output);
  return std::string(base::without_end_of_line(output ? *output : std::string_view()));
}

std::string Scenario::ends(const std::string &command, Milliseconds limit, bool success) {
  auto output = host().run(command + " 2>&1", limit);
  if (!output) {
    ADD_FAILURE() << why(output);
    return {};
  }
  const std::string said = output->out + output->err;
  EXPECT_EQ(output->status.success(), success) << command << ": " << said;
  return said;
}

void Scenario::as_soon_as(const std::string &condition, const std::string &command) {
  // In dom0: ssh would be too slow for what is to be met.
  const std::string loop = base::format(
      "end=$(($(date +%s) + 60)); while [ $(date +%s) -lt $end ]; do if {}; then {}; break; fi; "
      "sleep 0.02; done",
      condition, command);
  dom0(base::format("(setsid sh -c {} >/dev/null 2>&1 </dev/null &)", quote(loop)));
}

void Scenario::save_and_restore(const std::string &guest) {
  succeeds(base::format("f=/var/tmp/{}.save; xl save {} $f && xl restore $f; s=$?; rm -f $f; "
                        "exit $s",
                        guest, guest),
           std::chrono::seconds(600));
}

void Scenario::reboot(GuestRun &guest, Milliseconds gone_limit, Milliseconds ready_limit) {
  const std::string before = dom0("xl domid " + guest.name());
  ASSERT_TRUE(guest.tell("reboot"));
  come_back(guest, before, gone_limit, ready_limit);
}

void Scenario::come_back(GuestRun &guest, const std::string &before, Milliseconds gone_limit,
                         Milliseconds ready_limit) {
  ASSERT_TRUE(holds_within(base::format("d=$(xl domid {} 2>/dev/null) && [ -n \"$d\" ] && "
                                        "[ $d != {} ] && "
                                        "xenstore-exists /local/domain/$d/serial/0/tty",
                                        guest.name(), before),
                           gone_limit));
  auto followed = guest.follow();
  ASSERT_TRUE(followed) << why(followed);
  auto ready = guest.wait_for("+ ready", ready_limit);
  ASSERT_TRUE(ready) << why(ready);
}

void Scenario::guest_does(GuestRun &guest, const std::string &command) {
  auto said = guest.ask("sh " + command, transfer_limit);
  ASSERT_TRUE(said) << why(said);
  EXPECT_EQ(*said, "+ sh 0") << command;
}

void Scenario::comes_true(GuestRun &guest, const std::string &condition, int looks) {
  guest_does(guest, base::format("holds() {{ {}; }}; i=0; until holds || [ $i = {} ]; do sleep 1; "
                                 "i=$((i+1)); done; holds",
                                 condition, looks));
}

std::string Scenario::hash_of_qcow2(const std::string &image, int at, int mebibytes) {
  const std::string raw = ::testing::TempDir() + "linstub-lab.raw";
  auto taken = stage().take_qcow2(image, raw);
  EXPECT_TRUE(taken) << why(taken);
  const std::string hash =
      base::format("dd if={} bs=1M skip={} count={} 2>/dev/null | sha256sum", raw, at, mebibytes);
  auto answer = base::run_checked({.argv = {"sh", "-c", hash}}, base::Deadline::after(seconds(60)));
  EXPECT_TRUE(answer) << why(answer);
  std::filesystem::remove(raw);
  constexpr size_t digits = 64;
  return answer.value_or("").substr(0, digits);
}

void Scenario::carries_data(GuestRun &guest, const std::string &peer, int mebibytes) {
  std::string sum = dom0(pattern(mebibytes, "up") + " | sha256sum | cut -d' ' -f1");
  dom0("rm -f /run/lab-t-sum; (setsid sh -c 'timeout 300 socat -u TCP-LISTEN:7001,reuseaddr - | "
       "sha256sum > /run/lab-t-sum' >/dev/null 2>&1 &) ; sleep 1");
  auto sent = guest.ask(base::format("send {} 7001 {} up", peer, mebibytes), transfer_limit);
  ASSERT_TRUE(sent) << why(sent);
  EXPECT_THAT(*sent, HasSubstr(sum));
  EXPECT_TRUE(holds_within("[ -s /run/lab-t-sum ]", seconds(60)));
  EXPECT_THAT(dom0("cat /run/lab-t-sum"), HasSubstr(sum));

  std::string down = dom0(pattern(mebibytes, "down") + " | tee /run/lab-t-data | sha256sum | "
                                                       "cut -d' ' -f1");
  dom0("(setsid timeout 300 socat -u FILE:/run/lab-t-data TCP-LISTEN:7002,reuseaddr "
       ">/dev/null 2>&1 &) ; sleep 1");
  auto received = guest.ask(base::format("receive {} 7002", peer), transfer_limit);
  ASSERT_TRUE(received) << why(received);
  EXPECT_THAT(*received, HasSubstr(down));
}

std::string Scenario::screen(const std::string &guest) {
  // "00000000000b8000: 0x0747 0x0752 ...": in each word the character and its colours.
  std::istringstream dump(
      host()
          .check(base::format("xl qemu-monitor-command {} 'xp /800hx 0xb8000'", guest),
                 command_limit)
          .value_or(""));
  std::string text;
  for (std::string word; dump >> word;) {
    if (!word.starts_with("0x"))
      continue;
    const auto cell = static_cast<char>(std::strtoul(word.c_str(), nullptr, 16) & 0xff);
    if (cell > ' ' && cell <= '~')
      text += cell;
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
  }
  return text;
}

bool Scenario::shows(const std::string &guest, const std::string &words, Milliseconds limit) {
  const auto deadline = Deadline::after(limit);
  while (!screen(guest).contains(words) && !deadline.passed())
    std::this_thread::sleep_for(seconds(3));
  return screen(guest).contains(words);
}

bool Scenario::holds_within(const std::string &condition, Milliseconds limit) {
  // The loop runs in dom0: an ssh command for each look would cost more than the wait. Not often:
  // one run of xl takes a third of a second from the only CPU.
  auto whole_seconds = std::chrono::ceil<seconds>(limit).count();
  auto held = host().run(base::format("i=0; while [ $i -lt {} ]; do if {}; then exit 0; fi; "
                                      "sleep 1; i=$((i+1)); done; exit 1",
                                      whole_seconds, condition),
                         seconds(whole_seconds) + command_limit);
  EXPECT_TRUE(held) << why(held);
  return held && held->status.success();
}

std::vector<std::string> Scenario::left_within(Milliseconds limit) {
  Deadline deadline = Deadline::after(limit);
  for (;;) {
    auto now = Inventory::take(host());
    if (!now)
      return {now.error().message()};
    auto left = now->more_than(before_);
    if (left.empty() || deadline.passed())
      return left;
    std::this_thread::sleep_for(seconds(1));
  }
}

} // namespace linstub::lab
