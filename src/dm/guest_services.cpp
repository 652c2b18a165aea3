// SPDX-License-Identifier: MIT
#include "dm/guest_services.hpp"

#include "plan/consoles.hpp"

namespace linstub::dm {

base::Result<std::unique_ptr<GuestServices>>
GuestServices::open(base::EventLoop &loop, const plan::Plan &plan, Monitor::Owner owner) {
  std::unique_ptr<GuestServices> services(new GuestServices(loop));
  if (plan.vnc)
    services->vnc_ = TRY(VncServer::open(loop, *plan.vnc));
  for (const plan::SerialPort &port : plan.serial)
    services->serial_.push_back(
        TRY(SerialLine::open(loop, port, static_cast<uint8_t>(services->serial_.size()))));
  for (const plan::PvConsole &console : plan.consoles) {
    const uint8_t line = wire::line_of_console(services->consoles_.size());
    services->consoles_.emplace_back(plan::channel_id(console.number),
                                     TRY(SerialLine::open(loop, console.port, line)));
  }
  services->monitors_ = TRY(Monitor::open(loop, plan.monitors, std::move(owner)));
  return services;
}

base::Result<> GuestServices::connect(Channel &channel) {
  TRY(monitors_->connect(channel));
  return connect_all_but_monitors(channel);
}

base::Result<> GuestServices::change_over(Channel &channel) {
  disconnect_all_but_monitors();
  monitors_->change_over();
  return connect_all_but_monitors(channel);
}

base::Result<> GuestServices::connect_all_but_monitors(Channel &channel) {
  TRY(log_.connect(channel));
  for (auto &line : serial_)
    TRY(line->connect(channel));
  for (auto &[label, line] : consoles_)
    TRY(line->connect(channel));
  if (vnc_)
    TRY(vnc_->serve(channel));
  return {};
}

void GuestServices::disconnect() {
  disconnect_all_but_monitors();
  monitors_->disconnect();
}

void GuestServices::disconnect_all_but_monitors() {
  if (vnc_)
    vnc_->pause();
  for (auto &line : serial_)
    line->disconnect();
  for (auto &[label, line] : consoles_)
    line->disconnect();
  log_.disconnect();
}

std::string GuestServices::query_vnc() const {
  return vnc_ ? vnc_->description() : R"({"enabled":false})";
}

std::string GuestServices::query_chardev() const {
  std::string list;
  auto add = [&list](std::string_view label, const SerialLine &line) {
    list += base::format(R"({}{{"label":"{}","filename":{},"frontend-open":true}})",
                         list.empty() ? "" : ",", label, qmp::quoted(line.filename()));
  };
  for (size_t i = 0; i < serial_.size(); i++)
    add(base::format("serial{}", i), *serial_[i]);
  for (const auto &[label, line] : consoles_)
    add(label, *line);
  return base::format("[{}]", list);
}

} // namespace linstub::dm
