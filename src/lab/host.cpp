// SPDX-License-Identifier: MIT
#include "lab/host.hpp"

#include "sys/unix_socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <sstream>

namespace linstub::lab {

using base::Deadline;
using base::Milliseconds;
using std::chrono::seconds;

namespace {

constexpr int ssh_failed = 255;     // man 1 ssh: "or with 255 if an error occurred"
constexpr int timeout_passed = 124; // man 1 timeout

base::Error mark_unreachable(const base::Error &error) {
  return base::Error(error.message(), error.code() == ETIMEDOUT ? ETIMEDOUT : unreachable);
}

} // namespace

base::Result<uint16_t> free_port() {
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr *>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr *>(&address), &size) != 0)
    return base::fail_errno(errno, "find a free port");
  return ntohs(address.sin_port);
}

base::Result<Address> parse_address(const std::string &text) {
  Address address;
  std::string_view rest = text;
  if (size_t at = rest.find('@'); at != std::string_view::npos) {
    address.user = rest.substr(0, at);
    rest.remove_prefix(at + 1);
  }
  if (size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    std::string_view port = rest.substr(colon + 1);
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size())
      return base::fail("{}: \"{}\" is not a port", text, port);
    rest = rest.substr(0, colon);
  }
  address.host = rest;
  if (address.host.empty() || address.user.empty())
    return base::fail("\"{}\" is not user@host or user@host:port", text);
  return address;
}

std::string quote(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

std::vector<std::string> Host::options() const {
  std::vector<std::string> options{"-o", "BatchMode=yes",        "-o", "LogLevel=ERROR",
                                   "-o", "ConnectTimeout=15",    "-o", "ServerAliveInterval=20",
                                   "-o", "ServerAliveCountMax=6"};
  if (!address_.identity.empty()) {
    // The nested lab: made by us a moment ago, on this machine. Its CPU deciphers slower than it
    // unpacks, and disks of guests are mostly empty.
    for (const char *option : {"StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
                               "IdentitiesOnly=yes", "Compression=yes"})
      options.insert(options.end(), {"-o", option});
    options.insert(options.end(), {"-i", address_.identity.string()});
  }
  if (!address_.control_directory.empty()) {
    options.insert(options.end(),
                   {"-o", "ControlMaster=auto", "-o", "ControlPersist=600", "-o",
                    base::format("ControlPath={}/ssh", address_.control_directory.string())});
  }
  options.insert(options.end(), {"-o", base::format("Port={}", address_.port)});
  return options;
}

base::Command Host::interactive(const std::string &command) const {
  base::Command ssh{.argv = {"ssh"}};
  for (std::string &option : options())
    ssh.argv.push_back(std::move(option));
  ssh.argv.push_back(target());
  if (!command.empty())
    ssh.argv.push_back(command);
  return ssh;
}

base::Result<base::Output> Host::run(const std::string &command, Milliseconds limit,
                                     std::string_view input) const {
  auto remote_seconds = std::chrono::ceil<seconds>(limit).count();
  base::Command ssh =
      interactive(base::format("exec timeout -k 5 {} sh -c {}", remote_seconds, quote(command)));
  auto output = base::run(std::move(ssh), Deadline::after(limit + seconds(20)), input);
  if (!output)
    return std::unexpected(
        mark_unreachable(std::move(output).error()).in(base::format("on {}", address_.host)));
  if (output->status.code == ssh_failed)
    return std::unexpected(
        base::Error(base::format("reach {} by ssh: {}", address_.host, output->err), unreachable));
  if (output->status.code == timeout_passed)
    return std::unexpected(base::Error(base::format("on {}: \"{}\" has not ended within {} s",
                                                    address_.host, command, remote_seconds),
                                       ETIMEDOUT));
  return output;
}

base::Result<std::string> Host::check(const std::string &command, Milliseconds limit,
                                      std::string_view input) const {
  base::Output output = TRY(run(command, limit, input));
  if (!output.status.success())
    return base::fail("on {}: \"{}\" {}: {}", address_.host, command, output.status.text(),
                      output.err.empty() ? output.out : output.err);
  return std::move(output.out);
}

base::Result<> Host::put(const std::filesystem::path &from, const std::string &to,
                         Milliseconds limit) const {
  base::Command scp{.argv = {"scp", "-q", "-r"}};
  for (std::string &option : options())
    scp.argv.push_back(std::move(option));
  scp.argv.insert(scp.argv.end(), {from.string(), target() + ":" + to});
  TRY(base::run_checked(std::move(scp), Deadline::after(limit)).transform_error(mark_unreachable));
  return {};
}

base::Result<> Host::get(const std::string &from, const std::filesystem::path &to,
                         Milliseconds limit) const {
  base::Command scp{.argv = {"scp", "-q", "-r"}};
  for (std::string &option : options())
    scp.argv.push_back(std::move(option));
  scp.argv.insert(scp.argv.end(), {target() + ":" + from, to.string()});
  TRY(base::run_checked(std::move(scp), Deadline::after(limit)).transform_error(mark_unreachable));
  return {};
}

base::Result<> Host::put_tree(const std::filesystem::path &from, const std::string &to,
                              Milliseconds limit) const {
  base::Command tar{
      .argv = {"tar", "-C", from.string(), "--owner=0", "--group=0", "-cf", "-", "."}};
  constexpr size_t largest_tree = size_t{256} << 20;
  base::Output packed =
      TRY(base::run(std::move(tar), Deadline::after(seconds(60)), {}, largest_tree));
  if (!packed.status.success() || packed.out.size() >= largest_tree)
    return base::fail("pack {}: tar {}: {}", from.string(), packed.status.text(), packed.err);
  TRY(check(base::format("tar -C {} --no-same-owner --keep-directory-symlink -xf -", quote(to)),
            limit, packed.out));
  return {};
}

base::Result<uint16_t> Host::forward(const std::string &host, uint16_t port) const {
  TRY(check("true", seconds(60))); // the shared connection must be there
  uint16_t ours = TRY(free_port());
  base::Command ssh{.argv = {"ssh"}};
  for (std::string &option : options())
    ssh.argv.push_back(std::move(option));
  ssh.argv.insert(ssh.argv.end(), {"-O", "forward", "-L",
                                   base::format("127.0.0.1:{}:{}:{}", ours, host, port), target()});
  TRY(base::run_checked(std::move(ssh), Deadline::after(seconds(30)))
          .transform_error(mark_unreachable));
  return ours;
}

std::optional<double> Host::cpu_time() const {
  constexpr size_t largest = 4096;
  constexpr int to_utime = 12; // fields behind the one in parentheses (man 5 proc)
  const pid_t leader = address_.emulator;
  auto child = base::read_file(base::format("/proc/{}/task/{}/children", leader, leader), largest);
  if (leader == 0 || !child)
    return {};
  auto stat = base::read_file(base::format("/proc/{}/stat", std::atol(child->c_str())), largest);
  if (!stat || !stat->contains(") "))
    return {};
  std::istringstream fields(stat->substr(stat->rfind(") ") + 2));
  std::string skipped;
  for (int i = 0; i < to_utime - 1; i++)
    fields >> skipped;
  double user = 0;
  double system = 0;
  if (!(fields >> user >> system))
    return {};
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

base::Result<std::optional<std::string>> Host::counts() const {
  if (address_.counter.empty())
    return std::nullopt;
  const Deadline deadline = Deadline::after(std::chrono::seconds(10));
  const base::Fd socket = TRY(sys::connect_unix(address_.counter));
  std::string text;
  for (;;) {
    pollfd wait{.fd = socket.get(), .events = POLLIN, .revents = 0};
    std::array<char, 1024> some;
    if (::poll(&wait, 1, static_cast<int>(deadline.left().count())) == 0)
      return base::fail("the counter of the lab has not answered in time");
    const ssize_t got = ::read(socket.get(), some.data(), some.size());
    if (got == 0)
      return text;
    if (got < 0 && errno != EINTR && errno != EAGAIN)
      return base::fail_errno(errno, "read from the counter of the lab");
    text.append(some.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }
}

void Host::disconnect() const {
  if (address_.control_directory.empty())
    return;
  base::Command ssh = interactive("");
  ssh.argv.insert(ssh.argv.begin() + 1, {"-O", "exit"});
  // There may be none.
  [[maybe_unused]] auto ended = base::run(std::move(ssh), Deadline::after(seconds(10)));
}

} // namespace linstub::lab
