// SPDX-License-Identifier: MIT
// linstub-adversary: PID 1 of a stub domain that was taken over. What it does is in tricks.hpp.
#include "base/fd.hpp"
#include "base/log.hpp"
#include "stub/init.hpp"
#include "stub/panic.hpp"
#include "tricks.hpp"
#include "wire/paths.hpp"

#include <string>

namespace linstub::adversary {
namespace {

using base::Milliseconds;

constexpr const char *go_node = "linstub/go";

base::Result<std::string> named_trick() {
  const std::string line = TRY(base::read_file("/proc/cmdline", 4096));
  constexpr std::string_view key = "linstub.trick=";
  const size_t at = line.find(key);
  if (at == std::string::npos)
    return base::fail("the kernel's command line names no trick");
  std::string name = line.substr(at + key.size());
  return name.substr(0, name.find_first_of(" \n"));
}

base::Result<> await_word(Adversary &adversary) {
  while (!TRY(adversary.store.read_if_there(go_node, 16)))
    adversary.serve(Milliseconds(300));
  return {};
}

base::Result<> run() {
  stub::Init init; // its first steps are ours too
  TRY(init.mount_file_systems());
  TRY(init.open_console());
  TRY(init.prepare_kernel());
  const std::string name = TRY(named_trick());
  const Trick *trick = find_trick(name);
  if (trick == nullptr)
    return base::fail("there is no trick \"{}\"", name);
  auto store = TRY(xen::Xenstore::connect());
  TRY(store.write(wire::state_node, "booting"));
  auto settings = TRY(stub::read_settings(store));
  Adversary adversary(std::move(store), std::move(settings));
  if (trick->spoil != nullptr)
    trick->spoil(adversary);
  TRY(adversary.come_up());
  TRY(await_word(adversary));
  adversary.say("playing " + name);
  if (trick->play != nullptr)
    trick->play(adversary);
  for (;;)
    adversary.serve(std::chrono::hours(1));
}

} // namespace
} // namespace linstub::adversary

int main() {
  using namespace linstub;
  base::set_log("adversary", base::LogLevel::info);
  stub::catch_everything();
  auto done = adversary::run();
  stub::panic(done ? "the adversary has come to its end" : done.error().message());
}
