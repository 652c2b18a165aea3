// SPDX-License-Identifier: MIT
// A Monitor with one socket, QEMU behind it, and clients of the socket.
#pragma once

#include "dm/monitor.hpp"
#include "dm/surroundings.hpp"
#include "sys/unix_socket.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace linstub::dm {

class QmpClient {
public:
  explicit QmpClient(const std::string &path) : fd_(sys::connect_unix(path).value()) {}

  void say(std::string_view text) const { EXPECT_TRUE(base::write_all(fd_, text)); }
  void say_with(std::string_view text, const std::vector<int> &descriptors) const {
    iovec vector{.iov_base = const_cast<char *>(text.data()), .iov_len = text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
    EXPECT_EQ(::sendmsg(fd_.get(), &message, 0), static_cast<ssize_t>(text.size()));
  }

  // All that it has been told since forget().
  const std::string &heard() {
    std::array<char, 65536> buffer;
    ssize_t got = 0;
    while ((got = ::read(fd_.get(), buffer.data(), buffer.size())) > 0)
      heard_.append(buffer.data(), static_cast<size_t>(got));
    dropped_ = dropped_ || got == 0;
    return heard_;
  }
  bool has_heard(std::string_view text) { return heard().contains(text); }
  bool was_dropped() {
    heard();
    return dropped_;
  }
  void forget() { heard_.clear(); }

private:
  base::Fd fd_;
  std::string heard_;
  bool dropped_ = false;
};

class MonitorFixture : public Turns {
protected:
  MonitorFixture() {
    monitors = Monitor::open(*loop, {{.path = path, .fd = -1}}, owner()).value();
    wire.client_comes();
    channel = Channel::create(*loop, std::make_unique<fake::Transport>(wire),
                              {.on_ready = [this] { EXPECT_TRUE(monitors->connect(*channel)); },
                               .on_broken = [](const std::string &) {}})
                  .value();
  }

  void await_qemu() {
    until([this] { return ready > 0; });
  }
  // One that is greeted and has negotiated.
  std::unique_ptr<QmpClient> client() {
    await_qemu();
    auto client = std::make_unique<QmpClient>(path);
    client->say(R"({"execute":"qmp_capabilities"})");
    until([&] { return client->has_heard("return"); });
    client->forget();
    return client;
  }
  // What it is told next.
  std::string answer(QmpClient &client, std::string_view command) {
    client.forget();
    client.say(command);
    until([&] { return client.has_heard("\n"); });
    return client.heard();
  }

  struct Executed {
    qmp::Command command;
    base::Fd received;
    Monitor::Answer answer;
  };
  struct Attachment {
    std::string arguments;
    std::function<void(base::Result<>)> done;
  };
  std::vector<Executed> executed; // by the owner, that is
  bool answers_at_once = false;   // the owner, with an empty result
  std::vector<std::string> before_qemu;
  int ready = 0;
  bool may_change = true;
  std::vector<std::string> changed; // commands that leave something behind
  std::vector<std::string> deleted; // devices
  std::vector<std::string> broken;
  std::vector<Attachment> attachments;
  struct Settling {
    std::string listed;
    std::function<void(base::Result<>)> then;
  };
  std::vector<std::string> taken; // PCI devices
  std::vector<std::string> given_back;
  std::vector<Settling> settling;

  fake::Directory directory;
  const std::string path = directory.path("qmp");
  std::unique_ptr<Channel> channel;
  std::unique_ptr<Monitor> monitors;

private:
  Monitor::Owner owner() {
    return {.execute =
                [this](const qmp::Command &command, base::Fd received, Monitor::Answer answer) {
                  if (answers_at_once)
                    answer("{}");
                  executed.push_back({command, std::move(received), std::move(answer)});
                },
            .before_qemu = [this](std::string_view command,
                                  std::string_view) { before_qemu.emplace_back(command); },
            .may_change = [this](qmp::Leaves) -> base::Result<> {
              return may_change ? base::Result<>() : base::fail("not now");
            },
            .changed =
                [this](const qmp::Command &command, qmp::Leaves leaves) {
                  if (leaves != qmp::Leaves::nothing)
                    changed.push_back(command.name);
                },
            .deleted = [this](const std::string &id) { deleted.push_back(id); },
            .on_event = [](const qmp::Event &) {},
            .on_ready = [this] { ready++; },
            .on_broken = [this](const std::string &why) { broken.push_back(why); },
            .attach =
                [this](const std::string &arguments, std::function<void(base::Result<>)> done) {
                  attachments.push_back({arguments, std::move(done)});
                },
            .taken = [this](const std::string &id) { taken.push_back(id); },
            .give_back = [this](const std::string &id) { given_back.push_back(id); },
            .settle =
                [this](const std::string &listed, std::function<void(base::Result<>)> then) {
                  settling.push_back({listed, std::move(then)});
                }};
  }
};

} // namespace linstub::dm
