// SPDX-License-Identifier: MIT
// What PID 1 watches for the sake of the guest's PV drivers.
#include "stub/init.hpp"

namespace linstub::stub {

base::Result<> Init::watch_backends() {
  closes_ = TRY(sys::FileCloses::open());
  watches_.push_back(TRY(loop_->watch(closes_->fd(), EPOLLIN, [this](uint32_t) {
    closes_->drain();
    report_devices();
  })));
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
  return {};
}

} // namespace linstub::stub
