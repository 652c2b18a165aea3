// SPDX-License-Identifier: MIT
#include "fake_qemu.hpp"

#include <algorithm>
#include <array>

namespace linstub::adversary {
namespace {

// What a command returns; `{}` for all others.
struct Answer {
  std::string_view command;
  std::string_view result;
};
constexpr std::array answers{
    Answer{"query-status", R"({"status":"running","singlestep":false,"running":true})"},
    Answer{"query-version", R"({"qemu":{"major":10,"minor":0,"micro":0},"package":""})"},
    Answer{"query-commands", R"([{"name":"query-status"}])"},
    Answer{"query-cpus-fast", R"([{"cpu-index":0,"thread-id":1}])"},
    Answer{"query-hotpluggable-cpus", R"([{"type":"qemu32-i386-cpu","vcpus-count":1}])"},
    Answer{"query-pci", "[]"},
    Answer{"query-block", "[]"},
    Answer{"query-blockstats", "[]"},
    Answer{"query-mice", "[]"},
    Answer{"human-monitor-command", R"("")"},
};

} // namespace

std::string FakeQemu::greeting() { return qmp::greeting({.major = 10, .minor = 0, .micro = 0}); }

std::vector<std::string> FakeQemu::feed(std::span<const std::byte> bytes) {
  std::vector<std::string> said;
  auto texts = splitter_.feed(bytes);
  if (!texts)
    return said;
  for (const std::string &text : *texts) {
    auto command = qmp::parse_command(text);
    if (!command)
      continue;
    const auto *answer = std::ranges::find(answers, command->name, &Answer::command);
    said.push_back(qmp::success(answer == answers.end() ? "{}" : answer->result, command->id));
  }
  return said;
}

} // namespace linstub::adversary
