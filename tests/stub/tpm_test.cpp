// SPDX-License-Identifier: MIT
// swtpm itself, under its list of system calls, asked as QEMU asks it (its tpm_ioctl.h), and a
// guest.
#include "base/fd.hpp"
#include "stub/tpm.hpp"
#include "sys/parcel.hpp"
#include "sys/unix_socket.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace linstub::stub {
namespace {

using testing::StartsWith;
using namespace std::string_literals;

// Words of QEMU's, big endian.
constexpr char init = 2;
constexpr char get_state = 12;
constexpr char set_state = 13;
constexpr char stop = 14;
constexpr char set_data_socket = 16;

// Commands of a guest's: tag, size, what, and its words.
const std::string startup = "\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x44\x00\x00"s;
const std::string random_bytes = "\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x7b\x00\x08"s;
const std::string success_of_eight = "\x80\x01\x00\x00\x00\x14\x00\x00\x00\x00\x00\x08"s;
// A primary key, made of the seed that the owner's hierarchy has: ECC, P256.
const std::string create_primary =
    "\x80\x02\x00\x00\x00\x43\x00\x00\x01\x31\x40\x00\x00\x01"
    "\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00"
    "\x00\x04\x00\x00\x00\x00"
    "\x00\x1a\x00\x23\x00\x0b\x00\x03\x00\x72\x00\x00\x00\x06\x00\x80\x00\x43\x00\x10"
    "\x00\x03\x00\x10\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00"s;

class Swtpm {
public:
  explicit Swtpm(const std::string &state) {
    auto [control, its_control] = sys::make_socket_pair(SOCK_STREAM).value();
    auto [data, its_data] = sys::make_socket_pair(SOCK_STREAM).value();
    control_ = std::move(control);
    data_ = std::move(data);
    auto started = base::start({.argv = tpm_command(state, its_control.get()),
                                .environment = std::vector<std::string>{"PATH=/usr/bin"},
                                .keep = {its_control.get()},
                                .before_exec = confine});
    EXPECT_TRUE(started) << (started ? "" : started.error().message());
    if (started)
      child_ = std::move(*started);
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    for (const base::Fd *fd : {&control_, &data_})
      ::setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    hand_over(its_data.get());
  }

  // What it holds, as QEMU asks for it when the guest is saved, and gives it to another.
  std::string state_of(char kind) {
    EXPECT_TRUE(
        base::write_all(control_, "\0\0\0"s + get_state + "\0\0\0\1\0\0\0"s + kind + "\0\0\0\0"s));
    const std::string head = read(16); // how it went, flags, and twice the length
    EXPECT_EQ(head.substr(0, 4), "\0\0\0\0"s);
    size_t length = 0;
    for (const char byte : head.substr(12))
      length = length << 8 | static_cast<unsigned char>(byte);
    return head.substr(12) + read(length);
  }
  std::string give(char kind, const std::string &of_other) {
    return control(set_state, "\0\0\0\0\0\0\0"s + kind + of_other);
  }

  // A word and what belongs to it; the answer.
  std::string control(char word, const std::string &more = {}) {
    return ask(control_, "\0\0\0"s + word + more);
  }
  std::string guest(const std::string &command) { return ask(data_, command); }

  base::ExitStatus end() {
    control_.reset();
    data_.reset();
    return child_.wait(base::Deadline::after(std::chrono::seconds(20)))
        .value_or(base::ExitStatus{.code = -1, .signal = 0});
  }

private:
  static int confine() { return ::geteuid() == 0 ? confine_tpm() : sys::allow_only(tpm_calls()); }

  std::string read(size_t length) {
    std::string bytes(length, '\0');
    EXPECT_EQ(::recv(control_.get(), bytes.data(), length, MSG_WAITALL),
              static_cast<ssize_t>(length));
    return bytes;
  }

  static std::string ask(const base::Fd &fd, const std::string &question) {
    EXPECT_TRUE(base::write_all(fd, question));
    std::string answer(8192, '\0');
    const ssize_t got = ::read(fd.get(), answer.data(), answer.size());
    answer.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return answer;
  }

  void hand_over(int fd) {
    std::string word = "\0\0\0"s + set_data_socket;
    sys::Parcel<1> parcel(std::as_writable_bytes(std::span(word)));
    EXPECT_EQ(parcel.send(control_.get(), std::span(&fd, 1), 0), static_cast<ssize_t>(word.size()));
    std::array<char, 4> answer{};
    EXPECT_EQ(::read(control_.get(), answer.data(), answer.size()), 4);
    EXPECT_THAT(answer, testing::Each(0));
  }

  base::Fd control_;
  base::Fd data_;
  base::Child child_;
};

class TpmTest : public testing::Test {
protected:
  TpmTest() { make(state); }
  ~TpmTest() override {
    std::filesystem::remove(state);
    std::filesystem::remove(other);
  }

  // As linstub-dm makes it, and linstub-init gives it to swtpm.
  static void make(const std::string &path) {
    EXPECT_TRUE(base::replace_file(path, std::string(size_t{1} << 20, '\0')));
    if (::geteuid() == 0) {
      EXPECT_EQ(::chown(path.c_str(), tpm_uid, tpm_uid), 0);
    }
  }
  // The public half of a key that is made of its seed; empty if it makes none.
  static std::string key(Swtpm &tpm) {
    const std::string made = tpm.guest(create_primary);
    EXPECT_EQ(made.substr(6, 4), "\0\0\0\0"s);
    // Behind the header, the handle, two sizes and what the template says.
    constexpr size_t point = 40;
    return made.size() > 150 ? made.substr(point, 64) : "";
  }

  const std::string done = "\0\0\0\0"s;
  const std::string no_flags = "\0\0\0\0"s;
  const std::string state = base::format("{}linstub-swtpm-{}", testing::TempDir(), ::getpid());
  const std::string other = state + "-other";
};

TEST_F(TpmTest, AnswersAGuestAndHasItsSecretsAgainAtItsNextStart) {
  std::string before;
  for (int round = 0; round < 2; round++) {
    Swtpm tpm(state);
    ASSERT_EQ(tpm.control(init, no_flags), done);
    EXPECT_EQ(tpm.guest(startup), "\x80\x01\x00\x00\x00\x0a\x00\x00\x00\x00"s);
    const std::string first = tpm.guest(random_bytes);
    EXPECT_THAT(first, StartsWith(success_of_eight));
    EXPECT_NE(tpm.guest(random_bytes), first);
    const std::string made = key(tpm);
    EXPECT_NE(made, "");
    if (round == 1) {
      EXPECT_EQ(made, before) << "of another seed";
    }
    before = made;
    EXPECT_EQ(tpm.control(stop), done);
    EXPECT_TRUE(tpm.end().success());
  }
}

// A guest that is saved, or given another device model, has its TPM with it, whatever is on the
// disk.
TEST_F(TpmTest, GoesOnWhereAnotherWasStopped) {
  constexpr char permanent = 1;
  constexpr char while_powered = 2;
  Swtpm first(state);
  ASSERT_EQ(first.control(init, no_flags), done);
  first.guest(startup);
  const std::string made = key(first);
  make(other);
  Swtpm second(other);
  for (const char kind : {permanent, while_powered})
    ASSERT_EQ(second.give(kind, first.state_of(kind)), done);
  ASSERT_EQ(second.control(init, "\0\0\0\1"s), done); // and forget what was kept while powered
  EXPECT_EQ(key(second), made) << "without being started up again";
}

TEST_F(TpmTest, EndsWithQemu) {
  Swtpm tpm(state);
  ASSERT_EQ(tpm.control(init, no_flags), done);
  EXPECT_TRUE(tpm.end().success());
}

TEST(TpmCalls, ReachNoOtherProcessAndNoNetwork) {
  for (const long number : {SYS_socket, SYS_connect, SYS_bind, SYS_sendmsg, SYS_sendto, SYS_ptrace,
                            SYS_process_vm_readv, SYS_kill, SYS_clone, SYS_clone3, SYS_fork,
                            SYS_mount, SYS_unlink, SYS_chmod, SYS_io_uring_setup, SYS_bpf})
    EXPECT_EQ(std::ranges::count(tpm_calls(), number, &sys::AllowedCall::number), 0) << number;
  EXPECT_EQ(tpm_calls().size(), 40U) << "said in ARCHITECTURE.md and SPECIFICATION.md";
}

} // namespace
} // namespace linstub::stub
