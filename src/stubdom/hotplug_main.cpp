// SPDX-License-Identifier: MIT
// linstub-hotplug: the hotplug script of a stub domain's devices, run by libxl.
//
// libxl's contract (libxl_linux.c, docs/misc/block-scripts.txt): argument "remove" for a disk,
// "offline" for an interface; XENBUS_PATH names the backend's directory in xenstore. The sentence
// of a failure goes to hotplug-error, which libxl prints.
#include "base/log.hpp"
#include "stubdom/hotplug.hpp"

#include <stdlib.h>

using namespace linstub;

namespace {

std::string environment(const char *name) {
  const char *value = ::getenv(name);
  return value != nullptr ? value : "";
}

base::Result<> run(std::string_view command) {
  xen::Xenstore xenstore = TRY(xen::Xenstore::connect());
  return stubdom::hotplug(
      xenstore, {.type = environment("XENBUS_TYPE"), .backend = environment("XENBUS_PATH")},
      command);
}

} // namespace

int main(int argc, char **argv) {
  base::set_log("linstub-hotplug", base::LogLevel::info);
  auto done = run(argc > 1 ? argv[1] : "");
  base::log_failure(done);
  return done ? 0 : 1;
}
