// SPDX-License-Identifier: MIT
// QMP from both sides: whatever comes, nothing grows without bound and nothing is passed on that
// is not well-formed.
#include "qmp/policy.hpp"
#include "qmp/session.hpp"

#include <cstdlib>

using namespace linstub;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::span<const std::byte> bytes(reinterpret_cast<const std::byte *>(data + 1), size - 1);
  if (data[0] % 2 == 0) {
    qmp::ServerSession *self = nullptr;
    qmp::ServerSession session({10, 0, 0}, [&](const qmp::Command &command) {
      const qmp::Rule &rule = qmp::rule_for(command);
      self->fail(command, "GenericError", rule.why);
    });
    self = &session;
    [[maybe_unused]] auto fed = session.feed(bytes);
    session.take_output();
  } else {
    qmp::ClientSession session({.on_ready = [](qmp::Version) {},
                                .on_event =
                                    [](const qmp::Event &event) {
                                      if (!qmp::parse_from_qemu(event.text))
                                        abort();
                                    }});
    [[maybe_unused]] auto fed = session.feed(bytes);
    session.take_output();
  }
  return 0;
}
