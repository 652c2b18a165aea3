// SPDX-License-Identifier: MIT
// ControlSocket: where `linstub upgrade` asks linstub-dm of a running guest. A socket in
// /run/linstub that only root can connect to; one client at a time; one request, lines of JSON.
//
//     client:       {"command": "upgrade", "image": "/path"}    image may be empty: the one in use
//                   {"command": "reset"}
//     linstub-dm:   {"progress": "sentence"}                    any number
//                   {"done": "sentence"} or {"error": "sentence"}
//                   {"error": "sentence", "migrate": true}      a migration would do instead
#pragma once

#include "base/event_loop.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace linstub::run {

std::string control_path(xen::DomId guest);

struct UpgradeRequest {
  // A reset carries no state over: the guest and its stub domain end, and the toolstack makes both
  // anew.
  enum class Kind : uint8_t { upgrade, reset } kind = Kind::upgrade;
  std::string image; // a directory, for an upgrade
};
std::string encode(const UpgradeRequest &request);
base::Result<UpgradeRequest> decode_request(std::string_view line);

struct ControlReply {
  enum class Kind : uint8_t { progress, done, error } kind = Kind::progress;
  std::string text;
  // Of an error: it is about drivers of the guest's, which a migration has connect anew.
  bool migrate = false;
};
std::string encode(const ControlReply &reply);
base::Result<ControlReply> decode_reply(std::string_view line);

class ControlSocket {
public:
  static constexpr size_t longest_line = 8192;

  static base::Result<std::unique_ptr<ControlSocket>>
  open(base::EventLoop &loop, xen::DomId guest,
       std::function<void(const UpgradeRequest &request)> on_upgrade);
  ControlSocket(const ControlSocket &) = delete;
  ControlSocket &operator=(const ControlSocket &) = delete;
  ~ControlSocket();

  // To the client, if there is one and it reads; done and error end the conversation.
  void say(const ControlReply &reply);

private:
  ControlSocket(base::EventLoop &loop, std::string path,
                std::function<void(const UpgradeRequest &request)> on_upgrade)
      : loop_(loop), path_(std::move(path)), on_upgrade_(std::move(on_upgrade)) {}
  void accept();
  void receive();

  base::EventLoop &loop_;
  std::string path_;
  std::function<void(const UpgradeRequest &request)> on_upgrade_;
  base::Fd listener_;
  std::optional<std::pair<uint64_t, uint64_t>> node_; // of the listener, in the file system
  base::Fd client_;
  std::string line_;
  base::EventLoop::Handle listen_watch_;
  base::EventLoop::Handle client_watch_;
};

} // namespace linstub::run
