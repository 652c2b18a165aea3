// SPDX-License-Identifier: MIT
#include "xen/xenbus.hpp"

#include <cerrno>

namespace linstub::xen {

constexpr size_t longest_state = 16;

base::Result<XenbusState> read_xenbus_state(Xenstore &xenstore, const std::string &node) {
  auto state = xenstore.read_if_there(node, longest_state);
  if (!state && state.error().code() == EMSGSIZE)
    return XenbusState::unknown;
  return TRY(std::move(state))
      .transform([](const std::string &text) { return parse_xenbus_state(text); })
      .value_or(XenbusState::unknown);
}

} // namespace linstub::xen
