// SPDX-License-Identifier: MIT
#include "dm/vnc_server.hpp"

#include "base/log.hpp"
#include "display/link.hpp"
#include "qmp/message.hpp"
#include "sys/tcp_socket.hpp"
#include "sys/unix_socket.hpp"

namespace linstub::dm {

base::Result<std::unique_ptr<VncServer>> VncServer::open(base::EventLoop &loop,
                                                         const plan::VncAddress &address) {
  std::unique_ptr<VncServer> server(new VncServer(loop, address));
  if (address.display >= 0) {
    server->listener_ = base::Fd(address.display);
    server->port_ = address.first_port;
    return server;
  }
  sys::TcpListener listener =
      TRY(sys::listen_tcp(address.host, address.first_port, address.last_port)
              .transform_error(base::doing("VNC")));
  server->listener_ = std::move(listener.socket);
  server->port_ = listener.port;
  return server;
}

base::Result<> VncServer::serve(Channel &channel) {
  channel_ = &channel;
  watch_ = TRY(loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { accept(); }));
  return {};
}

void VncServer::pause() {
  watch_.reset();
  clients_.clear();
  channel_ = nullptr;
}

base::Result<base::Fd> VncServer::next_client() {
  if (!has_display())
    return sys::accept_client(listener_);
  auto stream = display::receive_stream(listener_);
  if (!stream) {
    watch_.reset(); // it has ended, or is not what it was
    return std::unexpected(std::move(stream).error().in("the display process"));
  }
  if (!*stream)
    return base::Fd();
  TRY(base::set_nonblocking(**stream));
  return std::move(**stream);
}

base::Result<> VncServer::set_password(std::string_view password) {
  return display::send_password(listener_, password)
      .transform_error(base::doing("tell the display process the password"));
}

void VncServer::accept() {
  auto client = next_client();
  if (!client)
    return base::log_warning("vnc: {}", client.error().message());
  if (!*client)
    return;
  if (clients_.size() >= most_clients)
    return base::log_warning("vnc: a client is turned away: there are {} already", most_clients);
  auto place = clients_.emplace(clients_.end());
  auto relay = Relay::start(loop_, *channel_, std::move(*client), wire::Service::vnc, 0,
                            [this, place] { clients_.erase(place); });
  if (!relay) {
    base::log_warning("vnc: {}", relay.error().message());
    clients_.erase(place);
    return;
  }
  *place = std::move(*relay);
}

std::string VncServer::description() const {
  bool six = address_.host.find(':') != std::string::npos;
  return base::format(
      R"({{"enabled":true,"host":{},"service":"{}","family":"{}","auth":"{}","clients":[]}})",
      qmp::quoted(address_.host.empty() ? "0.0.0.0" : address_.host), port_, six ? "ipv6" : "ipv4",
      address_.password ? "vnc" : "none");
}

} // namespace linstub::dm
