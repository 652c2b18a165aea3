// SPDX-License-Identifier: MIT
#include "dm/guest_services.hpp"

#include "plan/consoles.hpp"

namespace linstub::dm {

base::Result<std::unique_ptr<GuestServices>>
GuestServices::open(base::EventLoop &loop, const plan::Plan &plan, Monitor::Owner owner) {
  std::unique_ptr<GuestServices> services(new GuestServices(loop));
  if (plan.vnc)
    services->vnc_ = TRY(VncServer::open(loop, *plan.vnc));
  auto add = [&](std::string label, const plan::SerialPort &port, uint8_t index) -> base::Result<> {
    services->lines_.push_back({std::move(label), TRY(SerialLine::open(loop, port, index))});
    return {};
  };
  for (size_t i = 0; i < plan.serial.size(); i++)
    TRY(add(base::format("serial{}", i), plan.serial[i], static_cast<uint8_t>(i)));
  for (size_t i = 0; i < plan.consoles.size(); i++)
    TRY(add(plan::channel_id(plan.consoles[i].number), plan.consoles[i].port,
            wire::line_of_console(i)));
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
  for (auto &[label, line] : lines_)
    TRY(line->connect(channel));
  if (vnc_)
    TRY(vnc_->serve(channel));
  return {};
}

void GuestServices::disconnect_all_but_monitors() {
  if (vnc_)
    vnc_->pause();
  for (auto &[label, line] : lines_)
    line->disconnect();
  log_.disconnect();
}

std::string GuestServices::query_vnc() const {
  return vnc_ ? vnc_->description() : R"({"enabled":false})";
}

std::string GuestServices::query_chardev() const {
  std::string list;
  for (const auto &[label, line] : lines_)
    list += base::format(R"({}{{"label":"{}","filename":{},"frontend-open":true}})",
                         list.empty() ? "" : ",", label, qmp::quoted(line->filename()));
  return base::format("[{}]", list);
}

} // namespace linstub::dm
