// linstub-stubdom: what linstub-dm has to do through libxl, in a process that ends after it.
//
//     linstub-stubdom create          description as JSON on standard input; prints the domid
//     linstub-stubdom destroy GUEST   removes the stub domains of the guest
//     linstub-stubdom rescue GUEST    the same, and crashes the guest: its linstub-dm has died
//
// On failure the last line of standard error says what and why.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "dm/stub_domain.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <span>

using namespace linstub;

namespace {

// Whatever libxl waits for, this process does not outlive what its caller waits for it.
constexpr unsigned longest_life = 90; // seconds

base::Result<> create(dm::StubDomains &domains, const std::string &) {
  constexpr size_t longest = size_t{1} << 20;
  std::string text = TRY(base::read_file("/dev/stdin", longest));
  dm::Description description = TRY(dm::decode_description(text));
  xen::DomId domid = TRY(domains.create(description, LINSTUB_HOTPLUG));
  std::printf("%u\n", xen::number(domid));
  return {};
}

base::Result<> destroy(dm::StubDomains &domains, const std::string &guest) {
  return domains.destroy_all(TRY(xen::parse_domid(guest)));
}

base::Result<> rescue(dm::StubDomains &domains, const std::string &guest) {
  return domains.rescue(TRY(xen::parse_domid(guest)));
}

struct Action {
  std::string_view name;
  base::Result<> (*run)(dm::StubDomains &domains, const std::string &guest);
};
constexpr std::array<Action, 3> actions{{
    {"create", create},
    {"destroy", destroy},
    {"rescue", rescue},
}};

base::Result<> run(std::span<const std::string> arguments) {
  std::string name = arguments.empty() ? "" : arguments[0];
  std::string guest = arguments.size() > 1 ? arguments[1] : "";
  for (const Action &action : actions) {
    if (action.name == name) {
      auto domains = TRY(dm::StubDomains::open());
      return action.run(domains, guest);
    }
  }
  return base::fail("usage: linstub-stubdom create | destroy GUEST | rescue GUEST");
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-stubdom", base::LogLevel::info);
  ::alarm(longest_life);
  // Descriptors that linstub-dm left open for this process (the keeper's pipe) end with it, not
  // with a hotplug script that lingers.
  for (int fd = 3; fd < 64; fd++)
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  auto done = run(arguments);
  if (!done)
    base::log_error("{}", done.error().message());
  return done ? 0 : 1;
}
