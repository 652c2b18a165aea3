// SPDX-License-Identifier: MIT
#include "run/control_socket.hpp"

#include "base/log.hpp"
#include "run/directory.hpp"
#include "sys/unix_socket.hpp"

#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

namespace linstub::run {
namespace {

using Json = nlohmann::json;
using Kind = ControlReply::Kind;

constexpr std::array<std::pair<Kind, const char *>, 3> kinds{
    {{Kind::progress, "progress"}, {Kind::done, "done"}, {Kind::error, "error"}}};

std::string line_of(const Json &json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

base::Result<Json> parse_line(std::string_view line) {
  constexpr bool exceptions = false;
  Json json = Json::parse(line, nullptr, exceptions);
  if (!json.is_object())
    return base::fail("it is not a JSON object");
  return json;
}

} // namespace

std::string control_path(xen::DomId guest) { return path_of(guest, "control"); }

std::string encode(const UpgradeRequest &request) {
  if (request.kind == UpgradeRequest::Kind::reset)
    return line_of({{"command", "reset"}});
  return line_of({{"command", "upgrade"}, {"image", request.image}});
}

base::Result<UpgradeRequest> decode_request(std::string_view line) {
  Json json = TRY(parse_line(line));
  auto image = json.find("image");
  auto command = json.value("command", Json());
  if (command == "reset" && image == json.end())
    return UpgradeRequest{.kind = UpgradeRequest::Kind::reset, .image = {}};
  if (command != "upgrade" || image == json.end() || !image->is_string())
    return base::fail("the commands are \"upgrade\", with an \"image\", and \"reset\"");
  return UpgradeRequest{.image = image->get<std::string>()};
}

std::string encode(const ControlReply &reply) {
  for (const auto &[kind, name] : kinds) {
    if (kind != reply.kind)
      continue;
    Json line = {{name, reply.text}};
    if (reply.migrate)
      line["migrate"] = true;
    return line_of(line);
  }
  return {};
}

base::Result<ControlReply> decode_reply(std::string_view line) {
  Json json = TRY(parse_line(line));
  for (const auto &[kind, name] : kinds) {
    if (auto text = json.find(name); text != json.end() && text->is_string())
      return ControlReply{.kind = kind,
                          .text = text->get<std::string>(),
                          .migrate = json.value("migrate", Json(false)) == Json(true)};
  }
  return base::fail("it is no reply of linstub-dm");
}

base::Result<std::unique_ptr<ControlSocket>>
ControlSocket::open(base::EventLoop &loop, xen::DomId guest,
                    std::function<void(const UpgradeRequest &request)> on_upgrade) {
  TRY(make_directory());
  std::unique_ptr<ControlSocket> socket(
      new ControlSocket(loop, control_path(guest), std::move(on_upgrade)));
  socket->listener_ = TRY(sys::listen_unix(socket->path_));
  socket->node_ = sys::node_at(socket->path_);
  socket->listen_watch_ = TRY(loop.watch(socket->listener_.get(), EPOLLIN,
                                         [raw = socket.get()](uint32_t) { raw->accept(); }));
  return socket;
}

// After a soft reset of the guest the path is another linstub-dm's.
ControlSocket::~ControlSocket() {
  if (listener_ && sys::node_at(path_) == node_)
    ::unlink(path_.c_str());
}

void ControlSocket::accept() {
  auto client = sys::accept_client(listener_);
  if (!client || !*client)
    return;
  if (client_) {
    std::string busy = encode(ControlReply{
        .kind = Kind::error, .text = "this guest's device model is busy with another request"});
    [[maybe_unused]] ssize_t put = ::write(client->get(), busy.data(), busy.size());
    return;
  }
  client_ = std::move(*client);
  line_.clear();
  auto watch = loop_.watch(client_.get(), EPOLLIN, [this](uint32_t) { receive(); });
  if (watch)
    client_watch_ = std::move(*watch);
  else
    client_.reset();
}

void ControlSocket::receive() {
  std::array<char, 1024> buffer;
  ssize_t got = ::read(client_.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0) { // what was asked for goes on
    client_watch_.reset();
    client_.reset();
    return;
  }
  line_.append(buffer.data(), static_cast<size_t>(got));
  size_t end = line_.find('\n');
  if (end == std::string::npos && line_.size() <= longest_line)
    return;
  auto request = decode_request(std::string_view(line_).substr(0, std::min(end, longest_line)));
  line_.clear();
  if (!request)
    return say({.kind = Kind::error, .text = request.error().message()});
  on_upgrade_(*request);
}

void ControlSocket::say(const ControlReply &reply) {
  if (!client_)
    return;
  std::string text = encode(reply);
  if (::write(client_.get(), text.data(), text.size()) < 0)
    base::log_debug("whoever asked does not listen any more");
  if (reply.kind == Kind::progress)
    return;
  client_watch_.reset();
  client_.reset();
}

} // namespace linstub::run
