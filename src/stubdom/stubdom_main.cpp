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
//     linstub-stubdom rescue GUEST    as destroy, until it is done, and crashes the guest: its
//                                     linstub-dm has died
//
// linstub-dm runs the program of its own version; the keeper runs the one that is installed by
// then: rescue stays as it is from version to version.
//
// On failure the last line of standard error says what and why.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "stubdom/stub_domain.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <span>

using namespace linstub;

namespace {

// Whatever libxl waits for, this process does not outlive what its caller waits for it, by much.
constexpr unsigned usual_life = 90; // seconds
// broker/stubdom.cpp waits for so long. One stub domain takes 120 s at most (removal.hpp, what
// other toolstacks and xen-pciback are waited for).
constexpr unsigned removals_life = 150;
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

struct Action {
  std::string_view name;
  size_t arguments;
  unsigned life; // seconds
  base::Result<> (*run)(Arguments arguments);
};
constexpr std::array<Action, 8> actions{{
    {"create", 0, usual_life, create},
    {"destroy", 1, removals_life, destroy},
    {"end", 1, usual_life, end},
    {"rescue", 1, unlimited, rescue},
    {"detach", 2, usual_life, detach},
    {"finish-restore", 2, usual_life, finish_restore},
    {"rename", 2, usual_life, rename},
    {"settle", 1, removals_life, settle},
}};

base::Result<> run(Arguments arguments) {
  for (const Action &action : actions) {
    if (!arguments.empty() && action.name == arguments[0] &&
        action.arguments == arguments.size() - 1) {
      ::alarm(action.life);
      return action.run(arguments.subspan(1));
    }
  }
  return base::fail("usage: linstub-stubdom create | destroy GUEST | end STUB | rescue GUEST | "
                    "detach STUB VDEV | finish-restore STUB MEMORY | rename STUB NAME | "
                    "settle STUB");
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
  auto done = run(arguments);
  base::log_failure(done);
  return done ? 0 : 1;
}
