// SPDX-License-Identifier: MIT
#include "fake/transport.hpp"

#include "xen/shared_vchan.hpp"

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

// In place of those of src/xen/shared_vchan.cpp.

linstub::base::Result<linstub::xen::SharedVchan>
linstub::xen::offer_vchan(DomId peer, const std::string &path) {
  auto served = fake::all_served.find(path);
  if (served == fake::all_served.end() || served->second.peer != peer)
    return base::fail_errno(ENOENT, "connect to the vchan of domain {} at {}", peer, path);
  const int event = served->second.wire->event;
  return SharedVchan{.parts = {.control = reinterpret_cast<uintptr_t>(served->second.wire)},
                     .grants = base::Fd(::dup(event)),
                     .event = base::Fd(::dup(event))};
}

linstub::base::Result<std::unique_ptr<linstub::xen::Transport>>
linstub::xen::adopt_vchan(SharedVchan shared) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it was made one above
  auto *wire = reinterpret_cast<fake::Wire *>(shared.parts.control);
  wire->client_comes();
  return std::make_unique<fake::Transport>(*wire);
}
