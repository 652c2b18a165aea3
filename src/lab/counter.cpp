// SPDX-License-Identifier: MIT
// liblinstub-counter.so: a plugin of the lab's emulator that counts what the machine executes, in
// the shape `counted`. A time in the lab depends on what else the computer does, a number of
// instructions does not.
//
// Xen, the kernels of PV domains and what runs under them tell each other apart by where they are
// (Xen's arch/x86/include/asm/config.h): user space in the lower half of the addresses, Xen in 64
// GiB of its own from 0xffff82d000000000 on, kernels above. Whose kernel it is cannot be seen; an
// HVM guest's counts with the others', and a MiniOS, which has all of itself in the lower half, as
// a program.
//
// Whoever connects to the socket is told the counts since the machine began, a line each: a name, a
// blank, a number (lab/host.hpp, Host::counts()). They are read while the machine runs, one after
// the other.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

// The part of QEMU's plugin interface that is used (include/plugins/qemu-plugin.h, version 7: QEMU
// 11.1), for which Debian has no package.
extern "C" {
#define LINSTUB_EXPORT __attribute__((visibility("default")))

using qemu_plugin_id_t = uint64_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_plugin_u64 {
  qemu_plugin_scoreboard *score;
  size_t offset;
};
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_tb *, void *),
                                           void *);
size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb *);
qemu_plugin_insn *qemu_plugin_tb_get_insn(const qemu_plugin_tb *, size_t);
size_t qemu_plugin_insn_data(const qemu_plugin_insn *, void *, size_t);
qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(qemu_plugin_tb *, qemu_plugin_op,
                                                       qemu_plugin_u64, uint64_t);

LINSTUB_EXPORT int qemu_plugin_version = 7;
}

namespace linstub::lab {
namespace {

enum Count : uint8_t { xen, kernels, programs, system_calls, hypercalls, world_switches };
constexpr std::array<const char *, 6> names{"xen",          "kernels",    "programs",
                                            "system-calls", "hypercalls", "world-switches"};

// Made when QEMU loads the plugin, and there until QEMU ends.
constinit qemu_plugin_scoreboard *board = nullptr;

qemu_plugin_u64 entry(Count count) { return {board, count * sizeof(uint64_t)}; }

void add(qemu_plugin_tb *block, Count count, uint64_t number) {
  qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, QEMU_PLUGIN_INLINE_ADD_U64, entry(count),
                                                    number);
}

Count place_of(uint64_t address) {
  constexpr uint64_t kernel_half = uint64_t{1} << 63;
  constexpr uint64_t xen_begin = 0xffff82d000000000;
  constexpr uint64_t xen_size = uint64_t{64} << 30;
  if (address < kernel_half)
    return programs;
  return address - xen_begin < xen_size ? xen : kernels;
}

bool is(const qemu_plugin_insn *instruction, std::string_view code) {
  std::array<char, 15> bytes{};
  const size_t size = qemu_plugin_insn_data(instruction, bytes.data(), bytes.size());
  return std::string_view(bytes.data(), std::min(size, bytes.size())) == code;
}

// A block of instructions that QEMU has translated, and will execute often. The last of them may be
// one that enters Xen or a guest; such a one ends its block.
void translated(qemu_plugin_tb *block, void *) {
  constexpr std::string_view syscall("\x0f\x05");
  constexpr std::string_view vmmcall("\x0f\x01\xd9");
  constexpr std::string_view vmrun("\x0f\x01\xd8");
  const size_t size = qemu_plugin_tb_n_insns(block);
  const Count place = place_of(qemu_plugin_tb_vaddr(block));
  add(block, place, size);
  const qemu_plugin_insn *last = qemu_plugin_tb_get_insn(block, size - 1);
  if (is(last, syscall))
    add(block, place == programs ? system_calls : hypercalls, 1);
  else if (is(last, vmmcall))
    add(block, hypercalls, 1);
  else if (is(last, vmrun))
    add(block, world_switches, 1);
}

std::string counts() {
  std::string text;
  for (size_t i = 0; i < names.size(); i++)
    text.append(names[i])
        .append(" ")
        .append(std::to_string(qemu_plugin_u64_sum(entry(static_cast<Count>(i)))))
        .append("\n");
  return text;
}

void serve(int listening) {
  for (;;) {
    const int client = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0)
      continue;
    const std::string text = counts();
    static_cast<void>(::send(client, text.data(), text.size(), MSG_NOSIGNAL));
    ::close(client);
  }
}

int listen_at(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return -1;
  path.copy(address.sun_path, path.size());
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listening < 0 ||
      ::bind(listening, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
      ::listen(listening, 1) != 0)
    return -1;
  return listening;
}

} // namespace
} // namespace linstub::lab

// The argument is socket=PATH.
extern "C" LINSTUB_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *,
                                                  int count, char **arguments) {
  using namespace linstub::lab;
  constexpr std::string_view name = "socket=";
  const std::string_view argument = count == 1 ? arguments[0] : "";
  const std::string path(argument.starts_with(name) ? argument.substr(name.size()) : "");
  const int listening = listen_at(path);
  if (listening < 0) {
    std::fprintf(stderr, "linstub-counter: cannot listen at \"%s\": %s\n", path.c_str(),
                 std::strerror(errno));
    return -1;
  }
  board = qemu_plugin_scoreboard_new(names.size() * sizeof(uint64_t));
  std::thread(serve, listening).detach();
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated, nullptr);
  return 0;
}
