// SPDX-License-Identifier: MIT
#include "fake_qemu.hpp"

#include "base/format.hpp"

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
    if (auto command = qmp::parse_command(text))
      answer(*command, said);
  }
  return said;
}

void FakeQemu::answer(const qmp::Command &command, std::vector<std::string> &said) {
  const std::string id = qmp::string_member(command.arguments, "id").value_or("");
  if (command.name == "device_add" && !id.empty()) {
    pci_.push_back(id);
    had_pci_ = true;
  }
  const bool deleted = command.name == "device_del" && std::erase(pci_, id) != 0;
  const auto *answer = std::ranges::find(answers, command.name, &Answer::command);
  if (command.name == "query-pci")
    said.push_back(qmp::success(pci_devices(), command.id));
  else
    said.push_back(qmp::success(answer == answers.end() ? "{}" : answer->result, command.id));
  if (deleted && lists_pci)
    said.push_back(base::format("{{\"timestamp\":{{\"seconds\":1,\"microseconds\":2}},\"event\":"
                                "\"DEVICE_DELETED\",\"data\":{{\"device\":{},\"path\":\"/machine/"
                                "peripheral/x\"}}}}\r\n",
                                qmp::quoted(id)));
}

std::string FakeQemu::pci_devices() const {
  std::string list;
  for (size_t i = 0; lists_pci && i < pci_.size(); i++)
    list += base::format("{}{{\"bus\":0,\"slot\":{},\"function\":0,\"irq\":0,\"irq_pin\":1,"
                         "\"class_info\":{{\"class\":512}},\"id\":{{\"device\":1,\"vendor\":1}},"
                         "\"qdev_id\":{},\"regions\":[]}}",
                         i == 0 ? "" : ",", i + 5, qmp::quoted(pci_[i]));
  return base::format("[{{\"bus\":0,\"devices\":[{}]}}]", list);
}

} // namespace linstub::adversary
