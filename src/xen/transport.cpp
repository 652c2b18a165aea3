// SPDX-License-Identifier: MIT
#include "xen/transport.hpp"

namespace linstub::xen {

base::Result<std::unique_ptr<Transport>> connect_transport(DomId peer, const std::string &path) {
  return std::make_unique<VchanTransport>(TRY(Vchan::connect(peer, path)));
}

} // namespace linstub::xen
