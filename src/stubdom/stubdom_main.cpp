// SPDX-License-Identifier: MIT
// linstub-stubdom: what linstub-dm has to do through libxl, in a process that ends after it.
//
//     linstub-stubdom create          description as JSON on standard input; prints the domid
//     linstub-stubdom destroy GUEST   removes the stub domains of the guest
//     linstub-stubdom end STUB        one step of that, in a process of its own: libxl destroys it
//     linstub-stubdom detach STUB VDEV
//                                     unplugs it
//     linstub-stubdom finish-restore STUB MEMORY
//                                     unplugs the state disk, gives memory back
//     linstub-stubdom rename STUB NAME
//     linstub-stubdom settle STUB     description on standard input: removes the guest's other stub
//                                     domains, and gives this one the names that it is to have
//     linstub-stubdom spares COUNT    sees to it that there are so many spare stub domains, made
//                                     for the host's settings; without COUNT, as many as those say
//     linstub-stubdom spares-later    as many as the settings say, a minute later, in a process
//                                     that nobody waits for
//     linstub-stubdom rescue GUEST    as destroy, until it is done, and crashes the guest: its
//                                     linstub-dm has died
//
// linstub-dm runs the program of its own version; the keeper runs the one that is installed by
// then: rescue stays as it is from version to version.
//
// On failure the last line of standard error says what and why.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "plan/stub_plan.hpp"
#include "run/spares.hpp"
#include "stubdom/stub_domain.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <span>

using namespace linstub;

namespace {

// Whatever libxl waits for, this process does not outlive what its caller waits for it, by much.
constexpr unsigned usual_life = 90; // seconds
// broker/stubdom.cpp waits for so long. One stub domain takes 120 s at most (removal.hpp, what
// other toolstacks and xen-pciback are waited for).
constexpr unsigned removals_life = 150;
// One takes some seconds.
constexpr unsigned spares_life = 300;
constexpr unsigned until_spares = 60;
// Nobody comes after it. It waits for nothing without an end.
constexpr unsigned unlimited = 0;

using stubdom::StubDomains;
using Arguments = std::span<const std::string>;

base::Result<plan::Description> read_description() {
  constexpr size_t longest = size_t{1} << 20;
  return plan::decode_description(TRY(base::read_file("/dev/stdin", longest)));
}

base::Result<> create(Arguments) {
  plan::Description description = TRY(read_description());
  auto domains = TRY(StubDomains::open());
  xen::DomId domid = TRY(domains.create(description, LINSTUB_HOTPLUG));
  std::printf("%u\n", xen::number(domid));
  return {};
}

base::Result<> destroy(Arguments arguments) {
  xen::DomId guest = TRY(xen::parse_domid(arguments[0]));
  auto domains = TRY(StubDomains::open());
  return domains.destroy_all(guest);
}

base::Result<> end(Arguments arguments) {
  xen::DomId stub = TRY(xen::parse_domid(arguments[0]));
  auto domains = TRY(StubDomains::open());
  return domains.end(stub);
}

base::Result<> rescue(Arguments arguments) {
  StubDomains::rescue(TRY(xen::parse_domid(arguments[0])));
  return {};
}

base::Result<> detach(Arguments arguments) {
  xen::DomId stub = TRY(xen::parse_domid(arguments[0]));
  auto domains = TRY(StubDomains::open());
  return domains.detach_disk(stub, arguments[1]);
}

base::Result<> finish_restore(Arguments arguments) {
  xen::DomId stub = TRY(xen::parse_domid(arguments[0]));
  uint64_t memory = TRY(xen::parse_number(arguments[1], UINT32_MAX));
  auto domains = TRY(StubDomains::open());
  return domains.finish_restore(stub, static_cast<uint32_t>(memory));
}

base::Result<> rename(Arguments arguments) {
  xen::DomId stub = TRY(xen::parse_domid(arguments[0]));
  auto domains = TRY(StubDomains::open());
  return domains.rename(stub, arguments[1]);
}

base::Result<> settle(Arguments arguments) {
  xen::DomId stub = TRY(xen::parse_domid(arguments[0]));
  plan::Description description = TRY(read_description());
  auto domains = TRY(StubDomains::open());
  return domains.settle(stub, description);
}

base::Result<> keep_spares(const plan::Settings &settings, std::optional<uint32_t> count) {
  xen::Control control = TRY(xen::Control::open());
  const std::string xen = TRY(control.release());
  TRY(plan::check_type(settings, xen));
  const manifest::Image image = TRY(manifest::check_image(settings.image, xen));
  auto domains = TRY(StubDomains::open());
  return domains.keep_spares(count, plan::describe_spare(settings, image, TRY(control.cpus())),
                             LINSTUB_HOTPLUG);
}

base::Result<> spares_as_set(Arguments) {
  const plan::Settings settings = TRY(plan::load_settings(plan::settings_file));
  return keep_spares(settings, settings.spares);
}

base::Result<> spares(Arguments arguments) {
  const uint64_t count = TRY(xen::parse_number(arguments[0], plan::most_spares)
                                 .transform_error(base::doing("a number of stub domains")));
  return keep_spares(TRY(plan::load_settings(plan::settings_file)), static_cast<uint32_t>(count));
}

base::Result<> log_to(const char *path) {
  constexpr off_t large = off_t{64} << 10;
  const base::Fd log = TRY(base::open_file(path, O_WRONLY | O_CREAT | O_APPEND));
  if (::lseek(log.get(), 0, SEEK_END) > large && ::ftruncate(log.get(), 0) != 0)
    return base::fail_errno(errno, "empty {}", path);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(log.get(), fd);
  return {};
}

// The guest that has just been started needs the CPU more than the next one. What somebody has made
// by hand, where the settings want none, is for them to end; not so what is left of one that was to
// be ended.
base::Result<> spares_later(Arguments) {
  const pid_t child = ::fork();
  if (child < 0)
    return base::fail_errno(errno, "start a process");
  if (child > 0)
    return {};
  ::setsid();
  TRY(log_to("/var/log/xen/linstub-spares.log"));
  ::sleep(until_spares);
  ::alarm(spares_life);
  const plan::Settings settings = TRY(plan::load_settings(plan::settings_file));
  return keep_spares(settings, settings.spares > 0 ? std::optional(settings.spares) : std::nullopt);
}

struct Action {
  std::string_view name;
  size_t arguments;
  unsigned life; // seconds
  base::Result<> (*run)(Arguments arguments);
};
constexpr std::array<Action, 11> actions{{
    {"create", 0, usual_life, create},
    {"destroy", 1, removals_life, destroy},
    {"end", 1, usual_life, end},
    {"rescue", 1, unlimited, rescue},
    {"spares", 0, spares_life, spares_as_set},
    {"spares", 1, spares_life, spares},
    {"spares-later", 0, usual_life, spares_later},
    {"detach", 2, usual_life, detach},
    {"finish-restore", 2, usual_life, finish_restore},
    {"rename", 2, usual_life, rename},
    {"settle", 1, removals_life, settle},
}};

base::Result<> act(Arguments arguments) {
  for (const Action &action : actions) {
    if (!arguments.empty() && action.name == arguments[0] &&
        action.arguments == arguments.size() - 1) {
      ::alarm(action.life);
      return action.run(arguments.subspan(1));
    }
  }
  return base::fail(
      "usage: linstub-stubdom create | destroy GUEST | end STUB | rescue GUEST | "
      "spares [COUNT] | spares-later | detach STUB VDEV | finish-restore STUB MEMORY | "
      "rename STUB NAME | settle STUB");
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-stubdom", base::LogLevel::info);
  ::prctl(PR_SET_NAME, "linstub-stubdom"); // it is run by a number: /proc/self/fd/N, /proc/self/exe
  // Descriptors that linstub-dm left open for this process (the keeper's pipe) end with it, not
  // with a hotplug script that lingers.
  for (int fd = 3; fd < 64; fd++)
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  auto done = act(arguments);
  base::log_failure(done);
  return done ? 0 : 1;
}
