// SPDX-License-Identifier: MIT
#include "stub/panic.hpp"

#include "wire/paths.hpp"
#include "xen/xen_headers.hpp"

#include <xen/io/xs_wire.h>

#include <signal.h>
#include <sys/reboot.h>

#include <algorithm>
#include <array>
#include <exception>
#include <new>

namespace linstub::stub {
namespace {

constexpr unsigned int most_seconds = 3; // for a report

// A domain that Xen has held for longer than that finds it over when it runs again, whatever it
// was about: so it has as much again, once.
constexpr unsigned int second_chance = 10; // seconds

volatile sig_atomic_t panicking = 0;
volatile sig_atomic_t warned = 0;
const char *volatile watched = nullptr;
alignas(16) std::array<char, 16384> signal_stack;

// A piece of text on the stack: no allocation.
class Text {
public:
  void add(std::string_view text) {
    text = text.substr(0, bytes_.size() - size_);
    std::ranges::copy(text, bytes_.data() + size_);
    size_ += text.size();
  }
  void add_number(unsigned long number, unsigned int base) {
    std::array<char, 24> digits;
    size_t at = digits.size();
    do {
      digits.at(--at) = "0123456789abcdef"[number % base];
      number /= base;
    } while (number != 0);
    add(std::string_view(digits.data() + at, digits.size() - at));
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

private:
  std::array<char, 1024> bytes_;
  size_t size_ = 0;
};

void say(std::string_view text) {
  [[maybe_unused]] ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
}

// One xenstore write, on a connection of its own.
void write_node(int fd, std::string_view node, std::string_view value) {
  Text message;
  xsd_sockmsg header{};
  header.type = XS_WRITE;
  header.len = static_cast<uint32_t>(node.size() + 1 + value.size());
  message.add({reinterpret_cast<const char *>(&header), sizeof header});
  message.add(node);
  message.add(std::string_view("\0", 1));
  message.add(value);
  std::string_view bytes = message.view();
  if (::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return;
  std::array<char, 256> answer; // its arrival says that the value is there
  [[maybe_unused]] ssize_t got = ::read(fd, answer.data(), answer.size());
}

void on_fatal_signal(int signal, siginfo_t *info, void *) {
  if (signal == SIGALRM && panicking == 0 && watched != nullptr && warned == 0) {
    warned = 1;
    ::alarm(second_chance);
    return;
  }
  Text text;
  if (signal == SIGALRM) {
    text.add(watched != nullptr ? watched : "the report of an error");
    text.add(" has taken too long");
  } else {
    text.add("linstub-init was hit by signal ");
    text.add_number(static_cast<unsigned long>(signal), 10);
    text.add(" at address 0x");
    text.add_number(reinterpret_cast<unsigned long>(info->si_addr), 16);
  }
  panic(text.view());
}

void handle(int signal, int flags) {
  struct sigaction action{};
  action.sa_sigaction = on_fatal_signal;
  action.sa_flags = SA_SIGINFO | flags;
  ::sigaction(signal, &action, nullptr);
}

} // namespace

void power_off() {
  if (::getpid() == 1) {
    for (;;) {
      ::reboot(RB_POWER_OFF);
      ::sleep(1); // it cannot fail for PID 1; if it does, there is nothing else to be done
    }
  }
  ::_exit(1);
}

void panic(std::string_view why) {
  if (panicking != 0) // the report itself has failed
    power_off();
  panicking = 1;
  sigset_t alarm_only;
  ::sigemptyset(&alarm_only);
  ::sigaddset(&alarm_only, SIGALRM);
  ::sigprocmask(SIG_UNBLOCK, &alarm_only, nullptr);
  handle(SIGALRM, SA_NODEFER);
  ::alarm(most_seconds);

  say("linstub-init: error: ");
  say(why);
  say("\nlinstub-init: powering off\n");
  int fd = ::open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    write_node(fd, wire::error_node, why.substr(0, wire::longest_error));
    write_node(fd, wire::state_node, "failed");
  }
  power_off();
}

void catch_everything() {
  stack_t stack{};
  stack.ss_sp = signal_stack.data();
  stack.ss_size = signal_stack.size();
  ::sigaltstack(&stack, nullptr);
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS})
    handle(signal, SA_ONSTACK);
  handle(SIGALRM, SA_RESTART);
  ::signal(SIGPIPE, SIG_IGN);
  std::set_new_handler([] { panic("linstub-init has no memory left"); });
  std::set_terminate([] { panic("linstub-init met an error that it did not expect"); });
}

Watchdog::Watchdog(const char *what, unsigned int seconds)
    : outer_what_(watched), outer_seconds_(::alarm(seconds)) {
  watched = what;
  warned = 0;
}

Watchdog::~Watchdog() {
  watched = outer_what_;
  ::alarm(outer_seconds_);
}

} // namespace linstub::stub
