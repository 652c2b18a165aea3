// SPDX-License-Identifier: MIT
// Host: a Xen host that commands are run on, over ssh: the nested lab, or a real one.
//
// One connection is shared by all commands (ssh's ControlMaster), because a new one costs seconds
// under emulation. Every command has a deadline, on both sides: one that passes leaves nothing
// running there.
#pragma once

#include "base/deadline.hpp"
#include "base/process.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace linstub::lab {

// The code of an error on the way to the host, rather than in what was tried there.
constexpr int unreachable = ENOTCONN;

struct Address {
  std::string user = "root";
  std::string host;
  uint16_t port = 22;
  std::filesystem::path identity;          // private key; ssh's own choice if empty
  std::filesystem::path control_directory; // where the shared connection's socket lives
  pid_t emulator = 0;                      // of a lab: the process whose child it is
  std::filesystem::path counter;           // of a lab that counts: the counter's socket
};

// "user@host", "user@host:port".
base::Result<Address> parse_address(const std::string &text);

class Host {
public:
  explicit Host(Address address) : address_(std::move(address)) {}

  [[nodiscard]] const Address &address() const { return address_; }

  // Runs a shell command. An exit status other than 0 is no error; code `unreachable` when ssh
  // fails, ETIMEDOUT when the deadline passes.
  [[nodiscard]] base::Result<base::Output> run(const std::string &command, base::Milliseconds limit,
                                               std::string_view input = {}) const;

  // The same, and an exit status that is not 0 is an error. Returns standard output.
  [[nodiscard]] base::Result<std::string>
  check(const std::string &command, base::Milliseconds limit, std::string_view input = {}) const;

  // Copies a file or directory to, or from, the host.
  [[nodiscard]] base::Result<> put(const std::filesystem::path &from, const std::string &to,
                                   base::Milliseconds limit) const;
  [[nodiscard]] base::Result<> get(const std::string &from, const std::filesystem::path &to,
                                   base::Milliseconds limit) const;

  // Unpacks a directory's content below `to` (an installed tree below "/").
  [[nodiscard]] base::Result<> put_tree(const std::filesystem::path &from, const std::string &to,
                                        base::Milliseconds limit) const;

  // Makes a port of the host reachable on this machine; returns ours. It lasts as long as the
  // shared connection.
  [[nodiscard]] base::Result<uint16_t> forward(const std::string &host, uint16_t port) const;

  // CPU time that the emulator of a lab has had, in s: on a machine that is busy with other things
  // it has less than the time that passes. Nothing for a real host.
  [[nodiscard]] std::optional<double> cpu_time() const;

  // What the CPUs of a lab of the shape `counted` have executed since it began, as the counter says
  // it (counter.cpp): lines of a name and a number. Nothing for another host.
  [[nodiscard]] base::Result<std::optional<std::string>> counts() const;
  [[nodiscard]] bool is_counted() const { return !address_.counter.empty(); }

  // Ends the shared connection, if there is one.
  void disconnect() const;

  // The ssh command that reaches the host, for a person's terminal or for scp's options.
  [[nodiscard]] base::Command interactive(const std::string &command) const;

private:
  [[nodiscard]] std::vector<std::string> options() const;
  [[nodiscard]] std::string target() const { return address_.user + "@" + address_.host; }

  Address address_;
};

// A TCP port of this machine's loopback that nobody listens on. Somebody else may take it first;
// then whoever was to use it fails.
base::Result<uint16_t> free_port();

// `text` as one word of a shell command.
std::string quote(std::string_view text);

} // namespace linstub::lab
