// SPDX-License-Identifier: MIT
// The stub domain's end of the channel, as linstub-dm sees it: linstub-init, which accepts streams,
// and QEMU behind it, which greets, and answers each command with an empty result unless the test
// says otherwise.
//
//     fake::Wire wire;
//     fake::Stub stub(wire);
//     stub.answer("query-status", R"({"status":"running","running":true})");
//     ... stub.exchange() now and then ...
//     EXPECT_THAT(stub.asked, ElementsAre("query-status {}"));
#pragma once

#include "fake/transport.hpp"
#include "qmp/message.hpp"
#include "wire/mux.hpp"
#include "wire/state_record.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::fake {

class Stub final : public wire::Mux::Listener {
public:
  explicit Stub(Wire &wire) : wire_(wire) {}

  // Takes what has come from dom0, and sends what there is to say.
  void exchange() {
    if (!wire_.to_peer.empty()) {
      std::string text = wire_.receive();
      EXPECT_TRUE(mux_.feed(std::as_bytes(std::span(text)))) << "linstub-dm breaks the protocol";
    }
    if (auto out = mux_.output(); !out.empty()) {
      wire_.send({reinterpret_cast<const char *>(out.data()), out.size()});
      mux_.sent(out.size());
    }
  }

  // --- QEMU ---

  // What it does with a command from now on. `qemu_class` is QMP's class of error.
  void answer(const std::string &command, std::string_view result) {
    does_[command] = base::format(R"("return":{})", result);
  }
  void refuse(const std::string &command, std::string_view text,
              std::string_view qemu_class = "GenericError") {
    does_[command] = base::format(R"("error":{{"class":"{}","desc":"{}"}})", qemu_class, text);
  }
  // It does not answer before finish().
  void leave(const std::string &command) { does_[command] = {}; }
  void finish(const std::string &command, std::string_view result = "{}") {
    ASSERT_TRUE(left_.contains(command)) << "nobody has asked for " << command;
    say_in(wire::Service::qmp,
           base::format("{{\"return\":{},\"id\":{}}}\r\n", result, left_[command]));
    left_.erase(command);
  }
  void finish_with_error(const std::string &command, std::string_view text) {
    ASSERT_TRUE(left_.contains(command)) << "nobody has asked for " << command;
    say_in(
        wire::Service::qmp,
        base::format("{{\"error\":{{\"class\":\"GenericError\",\"desc\":\"{}\"}},\"id\":{}}}\r\n",
                     text, left_[command]));
    left_.erase(command);
  }
  void greet() {
    say_in(wire::Service::qmp,
           R"({"QMP":{"version":{"qemu":{"major":10,"minor":0,"micro":2},"package":"x"},)"
           R"("capabilities":["oob"]}})"
           "\r\n");
  }
  // Anything: an event, or what QEMU would not say.
  void qemu_says(std::string_view text) { say_in(wire::Service::qmp, std::string(text) + "\r\n"); }

  bool greets = true;             // as soon as somebody connects
  std::vector<std::string> asked; // "command arguments", in the order in which they came
  [[nodiscard]] bool was_asked(std::string_view command) const {
    return std::ranges::any_of(
        asked, [&](const std::string &one) { return one.starts_with(std::string(command) + " "); });
  }

  // --- linstub-init ---

  bool accepts_saves = true;
  std::vector<wire::Service> opened; // by dom0, ever
  [[nodiscard]] bool has(wire::Service service) const { return streams_.contains(service); }
  [[nodiscard]] auto times_opened(wire::Service service) const {
    return std::ranges::count(opened, service);
  }
  void accept_save() { mux_.accept(streams_.at(wire::Service::save), 1); }
  // The record of the state is on its disk.
  void commit() {
    say_in(wire::Service::save, {reinterpret_cast<const char *>(&wire::committed), 1});
    close(wire::Service::save);
  }
  void say_in(wire::Service service, std::string_view text) {
    ASSERT_TRUE(has(service)) << "dom0 has not opened that stream";
    EXPECT_EQ(mux_.send(streams_[service], std::as_bytes(std::span(text))), text.size());
  }
  void close(wire::Service service, std::string_view reason = {}) {
    ASSERT_TRUE(has(service)) << "dom0 has not opened that stream";
    mux_.close(streams_[service], reason);
  }

private:
  void on_hello() override {}
  void on_open(wire::StreamId stream, wire::Service service, uint8_t) override {
    opened.push_back(service);
    streams_[service] = stream;
    if (service == wire::Service::retire || service == wire::Service::restore ||
        (service == wire::Service::save && !accepts_saves))
      return;
    mux_.accept(stream, wire::largest_window);
    if (service != wire::Service::qmp)
      return;
    from_client_ = qmp::Splitter(qmp::client_limits);
    left_.clear();
    if (greets)
      greet();
  }
  void on_accept(wire::StreamId) override {}
  void on_data(wire::StreamId stream, std::span<const std::byte> bytes) override {
    if (has(wire::Service::qmp) && streams_[wire::Service::qmp] == stream) {
      const auto texts = from_client_.feed(bytes).value();
      for (const std::string &text : texts)
        handle(qmp::parse_command(text).value());
    }
    mux_.consume(stream, bytes.size());
  }
  void on_credit(wire::StreamId) override {}
  void on_close(wire::StreamId stream, std::string_view) override {
    std::erase_if(streams_, [&](const auto &one) { return one.second == stream; });
    mux_.close(stream);
  }

  void handle(const qmp::Command &command) {
    std::string what = R"("return":{})";
    if (command.name != "qmp_capabilities") {
      asked.push_back(base::format("{} {}", command.name,
                                   command.arguments.empty() ? "{}" : command.arguments));
      if (auto found = does_.find(command.name); found != does_.end())
        what = found->second;
    }
    if (what.empty())
      left_[command.name] = command.id;
    else
      say_in(wire::Service::qmp, base::format("{{{},\"id\":{}}}\r\n", what, command.id));
  }

  Wire &wire_;
  wire::Mux mux_{wire::Side::stub, *this};
  std::map<wire::Service, wire::StreamId> streams_;
  qmp::Splitter from_client_{qmp::client_limits};
  std::map<std::string, std::string> does_; // by command: the reply's member, or empty
  std::map<std::string, std::string> left_; // by command: the id that waits for a reply
};

} // namespace linstub::fake
