// SPDX-License-Identifier: MIT
#include "fake/transport.hpp"

#include <map>

namespace linstub::fake {
namespace {

struct Served {
  xen::DomId peer{};
  Wire *wire = nullptr;
};
std::map<std::string, Served> all_served;

} // namespace

Serve::Serve(xen::DomId peer, std::string path, Wire &wire) : path_(std::move(path)) {
  all_served[path_] = {.peer = peer, .wire = &wire};
}

Serve::~Serve() { all_served.erase(path_); }

} // namespace linstub::fake

// In place of that of src/xen/transport.cpp.
linstub::base::Result<std::unique_ptr<linstub::xen::Transport>>
linstub::xen::connect_transport(DomId peer, const std::string &path) {
  auto served = fake::all_served.find(path);
  if (served == fake::all_served.end() || served->second.peer != peer)
    return base::fail_errno(ENOENT, "connect to the vchan of domain {} at {}", peer, path);
  served->second.wire->client_comes();
  return std::make_unique<fake::Transport>(*served->second.wire);
}
