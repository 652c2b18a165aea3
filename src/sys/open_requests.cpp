// SPDX-License-Identifier: MIT
#include "sys/open_requests.hpp"

#include "sys/parcel.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace linstub::sys {
namespace {

constexpr size_t longest_path = 128; // that anybody may want to decide on

// Which argument of openat(2) is which.
constexpr size_t path_argument = 1;
constexpr uint32_t flags_argument = 2;

constexpr sock_filter statement(uint16_t code, uint32_t value) { return {code, 0, 0, value}; }
constexpr sock_filter jump(uint32_t value, uint8_t if_equal, uint8_t if_not) {
  return {BPF_JMP | BPF_JEQ | BPF_K, if_equal, if_not, value};
}

// openat(…, O_RDWR …) asks, everything else passes. The low half of an argument comes first.
constexpr std::array filter{
    statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
    jump(AUDIT_ARCH_X86_64, 0, 6),
    statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    jump(SYS_openat, 0, 4),
    statement(BPF_LD | BPF_W | BPF_ABS,
              offsetof(seccomp_data, args) + flags_argument * sizeof(uint64_t)),
    statement(BPF_ALU | BPF_AND | BPF_K, O_ACCMODE),
    jump(O_RDWR, 0, 1),
    statement(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

// In a message of one byte.
int send_descriptor(int socket, int fd) {
  std::array<std::byte, 1> byte{};
  Parcel<1> parcel(byte);
  return parcel.send(socket, std::span(&fd, 1), MSG_NOSIGNAL) == 1 ? 0 : errno;
}

// The text at an address of another process; empty if it is too long or cannot be read.
std::string read_path(pid_t pid, uint64_t address) {
  auto memory = base::open_file(base::format("/proc/{}/mem", pid), O_RDONLY);
  if (!memory)
    return {};
  std::array<char, longest_path> buffer;
  // A path may end right before memory that is not there.
  constexpr uint64_t page = 4096;
  size_t first = std::min<uint64_t>(buffer.size(), page - address % page);
  ssize_t got = ::pread(memory->get(), buffer.data(), first, static_cast<off_t>(address));
  if (got == static_cast<ssize_t>(first) && first < buffer.size() &&
      std::memchr(buffer.data(), '\0', first) == nullptr) {
    ssize_t more = ::pread(memory->get(), buffer.data() + first, buffer.size() - first,
                           static_cast<off_t>(address + first));
    got += std::max<ssize_t>(more, 0);
  }
  if (got <= 0)
    return {};
  const void *end = std::memchr(buffer.data(), '\0', static_cast<size_t>(got));
  return end == nullptr ? std::string() : std::string(buffer.data());
}

base::Result<> answer(int listener, seccomp_notif_resp response) {
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0 && errno != ENOENT)
    return base::fail_errno(errno, "answer a request to open a file");
  return {};
}

} // namespace

int hand_over_opens(int socket) {
  sock_fprog program{.len = filter.size(), .filter = const_cast<sock_filter *>(filter.data())};
  long listener =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0)
    return errno;
  int error = send_descriptor(socket, static_cast<int>(listener));
  ::close(static_cast<int>(listener));
  return error;
}

base::Result<OpenRequests> OpenRequests::receive(const base::Fd &socket) {
  std::array<std::byte, 1> byte{};
  Parcel<1> parcel(byte);
  if (parcel.receive(socket.get(), MSG_DONTWAIT) < 0)
    return base::fail_errno(errno, "take over the opening of files");
  std::vector<base::Fd> files = parcel.take();
  if (files.size() != 1)
    return base::fail("take over the opening of files: the program has sent no descriptor");
  return OpenRequests(std::move(files.front()));
}

base::Result<> OpenRequests::serve(const Decide &decide) const {
  seccomp_notif request{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
    if (errno == ENOENT || errno == EINTR) // it was killed, or interrupted by a signal
      return {};
    return base::fail_errno(errno, "take a request to open a file");
  }
  std::string path = read_path(static_cast<pid_t>(request.pid), request.data.args[path_argument]);
  seccomp_notif_resp response{.id = request.id, .val = 0, .error = 0, .flags = 0};
  // What was read is that process's only if it still waits: by now its pid may be another one's.
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) != 0)
    return {};
  auto decision = decide(path);
  if (!decision) {
    response.error = decision.error().code() > 0 ? -decision.error().code() : -EACCES;
    TRY(answer(listener_.get(), response));
    return std::unexpected(std::move(decision).error());
  }
  if (!*decision) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    return answer(listener_.get(), response);
  }
  seccomp_notif_addfd gift{
      .id = request.id,
      .flags = SECCOMP_ADDFD_FLAG_SEND,
      .srcfd = static_cast<uint32_t>(decision->get()),
      .newfd = 0,
      .newfd_flags = static_cast<uint32_t>(request.data.args[flags_argument] & O_CLOEXEC)};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &gift) < 0 && errno != ENOENT)
    return base::fail_errno(errno, "give {} to the program", path);
  return {};
}

} // namespace linstub::sys
