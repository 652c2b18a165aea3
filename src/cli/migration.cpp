// SPDX-License-Identifier: MIT
#include "cli/migration.hpp"

#include "base/deadline.hpp"
#include "base/process.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

namespace linstub::cli {
namespace {

using base::Result;

constexpr auto longest_migration = std::chrono::hours(1);
constexpr base::Milliseconds between_looks{500};

// What xl says of a guest that something else has made.
constexpr const char *not_of_xl = "No config file stored";

// Lines of what is read from a pipe, until nobody writes any more. xl shows progress with carriage
// returns.
class Lines {
public:
  Lines(const base::Fd &pipe, const std::function<void(const std::string &line)> &hear)
      : pipe_(pipe), hear_(hear) {}

  // Reads what is there. False at the end.
  bool read() {
    std::array<char, 4096> part;
    const ssize_t got = ::read(pipe_.get(), part.data(), part.size());
    for (ssize_t i = 0; i < got; i++)
      take(part[static_cast<size_t>(i)]);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }

  [[nodiscard]] const std::string &last() const { return last_; }

private:
  void take(char character) {
    if (character != '\n' && character != '\r') {
      line_ += character;
      return;
    }
    if (line_.empty())
      return;
    hear_(line_);
    last_ = std::exchange(line_, {});
  }

  const base::Fd &pipe_;
  const std::function<void(const std::string &line)> &hear_;
  std::string line_;
  std::string last_;
};

} // namespace

Result<> migrate_to_this_host(xen::DomId guest,
                              const std::function<void(const std::string &line)> &hear) {
  auto pipe = TRY(base::make_pipe());
  // An empty -s: xl runs what is named instead of a host as it is, without ssh.
  auto xl = TRY(base::start(
      {.argv = {"xl", "migrate", "-s", "", base::format("{}", guest), "exec xl migrate-receive"},
       .environment = std::nullopt,
       .standard_output = pipe.write.get(),
       .standard_error = pipe.write.get()}));
  pipe.write.reset();
  const base::Deadline deadline = base::Deadline::after(longest_migration);
  Lines lines(pipe.read, hear);
  std::optional<base::ExitStatus> ended;
  while (!ended && !deadline.passed()) {
    pollfd wait{.fd = pipe.read.get(), .events = POLLIN, .revents = 0};
    const bool said = ::poll(&wait, 1, static_cast<int>(between_looks.count())) > 0;
    if (!said)
      ended = TRY(xl.poll());
    else if (!lines.read())
      ended = TRY(xl.wait(deadline));
  }
  if (!ended) // which must not be cut short
    return base::fail("`xl migrate` (process {}) has not ended within an hour, and goes on",
                      std::to_string(xl.release()));
  if (ended->success())
    return {};
  if (lines.last().contains(not_of_xl))
    return base::fail("xl has not made the guest, and cannot migrate it: for one of libvirt's, "
                      "`virsh managedsave` and `virsh start` do the same");
  return base::fail("`xl migrate` {}: {}", ended->text(), lines.last());
}

} // namespace linstub::cli
