// SPDX-License-Identifier: MIT
#include "lab/monitor.hpp"

#include "sys/unix_socket.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <thread>

namespace linstub::lab {

using base::Deadline;
using base::Milliseconds;
using nlohmann::json;

namespace {

constexpr Milliseconds poll_interval{50};

} // namespace

base::Result<Monitor> Monitor::connect(const std::filesystem::path &path, Deadline deadline) {
  for (;;) {
    auto socket = sys::connect_unix(path);
    if (socket) {
      Monitor monitor(std::move(*socket));
      TRY(monitor.read_line(deadline)); // the greeting
      TRY(monitor.run("qmp_capabilities", "", deadline));
      return monitor;
    }
    if (deadline.passed())
      return std::unexpected(std::move(socket).error().in("wait for the emulator's monitor"));
    std::this_thread::sleep_for(poll_interval);
  }
}

base::Result<std::string> Monitor::read_line(Deadline deadline) {
  for (;;) {
    if (size_t end = input_.find('\n'); end != std::string::npos) {
      std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      return line;
    }
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    int ready = ::poll(&wait, 1, static_cast<int>(deadline.left().count()));
    if (ready == 0)
      return base::fail("the emulator's monitor has not answered in time");
    std::array<char, 65536> buffer;
    ssize_t got = ready < 0 ? -1 : ::read(socket_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return base::fail("the emulator has ended");
    input_.append(buffer.data(), static_cast<size_t>(got));
  }
}

base::Result<std::string> Monitor::run(const std::string &command, const std::string &arguments,
                                       Deadline deadline) {
  std::string request = base::format("{{\"execute\":\"{}\"{}{}}}\n", command,
                                     arguments.empty() ? "" : ",\"arguments\":", arguments);
  TRY(base::write_all(socket_, request).transform_error(base::doing("ask the emulator")));
  for (;;) {
    json answer = json::parse(TRY(read_line(deadline)), nullptr, false);
    if (!answer.is_object())
      return base::fail("{}: the emulator answers with something that is not JSON", command);
    if (answer.contains("error"))
      return base::fail("{}: {}", command, answer["error"].value("desc", "no reason given"));
    if (answer.contains("return"))
      return answer["return"].dump();
    // an event
  }
}

base::Result<> Monitor::allow_mapped_state(Deadline deadline) {
  TRY(run("migrate-set-capabilities",
          R"({"capabilities":[{"capability":"mapped-ram","state":true}]})", deadline));
  return {};
}

base::Result<> Monitor::await_migration(Deadline deadline) {
  for (;;) {
    json state = json::parse(TRY(run("query-migrate", "", deadline)), nullptr, false);
    std::string status = state.is_object() ? state.value("status", "") : "";
    if (status == "completed")
      return {};
    if (status == "failed" || status == "cancelled")
      return base::fail("the transfer ended as \"{}\": {}", status,
                        state.value("error-desc", "no reason"));
    if (deadline.passed())
      return base::fail("the transfer has not ended in time (its state is \"{}\")", status);
    std::this_thread::sleep_for(poll_interval);
  }
}

base::Result<> Monitor::save(const std::filesystem::path &file, Deadline deadline) {
  TRY(run("stop", "", deadline));
  TRY(allow_mapped_state(deadline));
  TRY(run("migrate-set-parameters", R"({"max-bandwidth":1099511627776})", deadline));
  TRY(run("migrate", base::format(R"({{"uri":"file:{}"}})", file.string()), deadline));
  return await_migration(deadline).transform_error(base::doing("save the machine"));
}

base::Result<> Monitor::load(const std::filesystem::path &file, Deadline deadline) {
  TRY(allow_mapped_state(deadline));
  TRY(run("migrate-incoming", base::format(R"({{"uri":"file:{}"}})", file.string()), deadline));
  TRY(await_migration(deadline).transform_error(base::doing("load the snapshot")));
  TRY(run("cont", "", deadline));
  return {};
}

} // namespace linstub::lab
