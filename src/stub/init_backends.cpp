// SPDX-License-Identifier: MIT
// What PID 1 watches for the sake of the guest's PV drivers.
#include "stub/init.hpp"
#include "wire/paths.hpp"

#include <utility>

namespace linstub::stub {

base::Result<> Init::watch_backends() {
  TRY(watch_closes(closes_));
  // What makes a look at the gate due: QEMU runs, dom0 has made a backend, the guest's driver
  // begins.
  const std::string guest = base::format("{}", settings_.target);
  for (const std::string &node :
       {base::format("device-model/{}/state", guest), base::format("backend/qdisk/{}", guest),
        base::format("/local/domain/{}/device/vbd", guest)})
    TRY(xenstore_->watch(node, node));
  gate_.emplace(
      BackendGate::World{
          .list = [this](const std::string &node) { return xenstore_->list(node); },
          .read = [this](const std::string &node) { return xenstore_->read_if_there(node, 256); },
          .write =
              [this](const std::string &node, std::string_view value) {
                log_grew(); // it has said what it does
                return xenstore_->write(node, value);
              },
          .has_open = [this](const std::string &path) { return sys::has_open(qemu_->pid(), path); },
          .watch = [this](const std::string &path) { return closes_->watch(path); },
          .unwatch = [this](const std::string &path) { closes_->unwatch(path); },
      },
      guest);
  return watch_released();
}

base::Result<> Init::watch_closes(std::optional<sys::FileCloses> &closes) {
  closes = TRY(sys::FileCloses::open());
  watches_.push_back(TRY(loop_->watch(closes->fd(), EPOLLIN, [this, &closes](uint32_t) {
    closes->drain();
    report_devices();
  })));
  return {};
}

base::Result<> Init::watch_released() {
  TRY(watch_closes(leaving_closes_)); // the gate ends watches of its own
  TRY(xenstore_->watch(wire::leaving_node, wire::leaving_node));
  released_.emplace(ReleasedDisks::World{
      .has_open = [this](const std::string &path) { return sys::has_open(qemu_->pid(), path); },
      .watch = [this](const std::string &path) { return leaving_closes_->watch(path); },
      .unwatch = [this](const std::string &path) { leaving_closes_->unwatch(path); },
      .write_back =
          [this](const std::string &path, std::function<void()> written) {
            return write_back(path, std::move(written));
          }});
  return {};
}

void Init::report_released() {
  const auto asked = xenstore_->read_if_there(wire::leaving_node, wire::longest_leaving)
                         .and_then([](const std::optional<std::string> &text) {
                           return text ? wire::decode_leaving_disks(*text) : wire::LeavingDisks{};
                         });
  base::log_failure(asked);
  if (asked)
    tell_dom0(wire::left_node, released_told_, wire::encode(released_->look(*asked)));
}

base::Result<> Init::write_back(const std::string &path, std::function<void()> written) {
  writing_back_.erase(path); // of a disk that has had the name
  auto begun = TRY(sys::WriteBack::begin(path));
  const int fd = begun.fd();
  auto done = TRY(loop_->watch(fd, EPOLLIN, [this, path, written = std::move(written)](uint32_t) {
    auto ended = writing_back_.extract(path);
    base::log_failure(ended.mapped().disk.result());
    written();
    report_devices();
  }));
  writing_back_.emplace(path, WritingBack{.disk = std::move(begun), .done = std::move(done)});
  return {};
}

} // namespace linstub::stub
