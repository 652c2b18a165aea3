// SPDX-License-Identifier: MIT
// The display with real viewers (libvncclient), and with a QEMU that the test plays. It runs in a
// process of its own: confined as linstub-display is where the test may do that.
#include "base/deadline.hpp"
#include "base/log.hpp"
#include "display/confinement.hpp"
#include "display/link.hpp"
#include "display/rfb_message.hpp"
#include "display/server.hpp"
#include "display/viewer.hpp"
#include "sys/tcp_socket.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <rfb/rfbclient.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <string>

#if defined(__has_feature)
#define LINSTUB_CLANG_ASAN __has_feature(address_sanitizer)
#else
#define LINSTUB_CLANG_ASAN 0
#endif

namespace linstub::display {
namespace {

using namespace std::string_literals;

constexpr base::Milliseconds limit{10'000};
constexpr size_t room = size_t{1} << 20U;
constexpr uint32_t red = 0x00ff0000;
constexpr uint32_t green = 0x0000ff00;

bool can_confine() {
#if defined(__SANITIZE_ADDRESS__) || LINSTUB_CLANG_ASAN
  return false; // sanitizers make calls of their own
#else
  return ::geteuid() == 0 && ::access("/proc/self/ns/net", R_OK) == 0;
#endif
}

// --- A QEMU --------------------------------------------------------------------------------------

class Qemu {
public:
  explicit Qemu(base::Fd stream) : stream_(std::move(stream)) {}

  void say(std::string_view bytes) {
    const auto deadline = base::Deadline::after(limit);
    while (!bytes.empty() && !deadline.passed()) {
      pollfd wait{.fd = stream_.get(), .events = POLLOUT, .revents = 0};
      ::poll(&wait, 1, 100);
      const ssize_t put = ::send(stream_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(put, 0)));
    }
    EXPECT_TRUE(bytes.empty());
  }
  std::string hear(size_t count) {
    std::string bytes;
    const auto deadline = base::Deadline::after(limit);
    while (bytes.size() < count && !deadline.passed()) {
      std::string piece(count - bytes.size(), '\0');
      pollfd wait{.fd = stream_.get(), .events = POLLIN, .revents = 0};
      ::poll(&wait, 1, 100);
      const ssize_t got = ::recv(stream_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN))
        break;
      bytes.append(piece, 0, static_cast<size_t>(std::max<ssize_t>(got, 0)));
    }
    return bytes;
  }
  // Up to the first request for an update.
  void greet(Size size) {
    size_ = size;
    say("RFB 003.008\n");
    EXPECT_EQ(hear(12), "RFB 003.008\n");
    say("\x01\x01");
    EXPECT_EQ(hear(1), "\x01");
    say("\0\0\0\0"s);
    hear(1);
    say(u16(size.width) + u16(size.height) + std::string(16, 'f') + "\0\0\0\x04QEMU"s);
    hear((encode_pixel_format() + encode_encodings()).size());
    EXPECT_EQ(hear(10), encode_update_request(size));
  }
  // The whole screen in one colour. The display asks for the next one then.
  void paint(uint32_t colour) {
    std::string pixels;
    for (size_t i = 0; i < size_t{size_.width} * size_.height; i++)
      pixels.append(reinterpret_cast<const char *>(&colour), sizeof colour);
    say("\0\0\0\x01"s + rectangle(size_, raw_encoding) + pixels);
    EXPECT_EQ(hear(10), encode_update_request(size_));
  }
  void resize(Size size) {
    size_ = size;
    say("\0\0\0\x01"s + rectangle(size, size_encoding));
    EXPECT_EQ(hear(10), encode_update_request(size_));
  }

private:
  static std::string u16(uint16_t number) {
    return {static_cast<char>(number >> 8U), static_cast<char>(number)};
  }
  static std::string rectangle(Size size, int32_t encoding) {
    std::string bytes = u16(0) + u16(0) + u16(size.width) + u16(size.height);
    return bytes + u16(static_cast<uint16_t>(static_cast<uint32_t>(encoding) >> 16U)) +
           u16(static_cast<uint16_t>(encoding));
  }

  base::Fd stream_;
  Size size_;
};

// --- A viewer ------------------------------------------------------------------------------------

void drop_log(const char * /*format*/, ...) {} // NOLINT(cert-dcl50-cpp): libvncclient's hook

struct EndClient {
  void operator()(rfbClient *client) const {
    std::free(client->frameBuffer); // NOLINT(cppcoreguidelines-no-malloc)
    client->frameBuffer = nullptr;
    rfbClientCleanup(client);
  }
};

class Client {
public:
  // None if it is not let in.
  static std::unique_ptr<Client> connect(uint16_t port, const std::string &encodings = "raw",
                                         const std::string &password = {}) {
    rfbClientLog = rfbClientErr = drop_log;
    rfbClient *raw = rfbGetClient(8, 3, 4);
    std::free(raw->serverHost); // NOLINT(cppcoreguidelines-no-malloc): the library's
    raw->serverHost = ::strdup("127.0.0.1");
    raw->serverPort = port;
    raw->appData.encodingsString = encodings.c_str();
    raw->format.redShift = 16;
    raw->format.greenShift = 8;
    raw->format.blueShift = 0;
    static thread_local std::string given;
    given = password;
    // None for an empty one, which the library would not free.
    raw->GetPassword = [](rfbClient *) {
      return given.empty() ? nullptr : ::strdup(given.c_str());
    };
    raw->readTimeout = 10;
    if (rfbInitClient(raw, nullptr, nullptr) == FALSE)
      return nullptr;
    return std::unique_ptr<Client>(new Client(raw));
  }

  [[nodiscard]] Size size() const {
    return {.width = static_cast<uint16_t>(client_->width),
            .height = static_cast<uint16_t>(client_->height)};
  }
  // Until all that it shows is of that colour.
  bool shows(uint32_t colour, base::Milliseconds within = limit) {
    const auto deadline = base::Deadline::after(within);
    while (!deadline.passed()) {
      if (is(colour))
        return true;
      const int ready = WaitForMessage(client_.get(), 100'000);
      if (ready < 0 || (ready > 0 && HandleRFBServerMessage(client_.get()) == FALSE))
        return false; // it has ended
    }
    return false;
  }
  void press(uint32_t keysym, bool down) {
    SendKeyEvent(client_.get(), keysym, down ? TRUE : FALSE);
  }
  void point(int x, int y, int buttons) { SendPointerEvent(client_.get(), x, y, buttons); }

private:
  explicit Client(rfbClient *client) : client_(client) {}
  [[nodiscard]] bool is(uint32_t colour) const {
    const size_t count = size_t{size().width} * size().height;
    for (size_t i = 0; i < count; i++) {
      uint32_t pixel = 0;
      std::memcpy(&pixel, client_->frameBuffer + i * sizeof pixel, sizeof pixel);
      if ((pixel & 0xffffffU) != colour)
        return false;
    }
    return count != 0;
  }

  std::unique_ptr<rfbClient, EndClient> client_;
};

// --- The display ---------------------------------------------------------------------------------

class ServerTest : public testing::Test {
protected:
  static constexpr Size size{.width = 100, .height = 40};

  void SetUp() override { start(false); }
  void TearDown() override {
    link.reset(); // then it ends
    int status = -1;
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  void start(bool authenticated) {
    sys::TcpListener listener = sys::listen_tcp("127.0.0.1", 15900, 16900).value();
    port = listener.port;
    auto [ours, theirs] = make_link().value();
    link = std::move(ours);
    pid = ::fork();
    if (pid == 0) {
      link.reset();
      ::_exit(run(std::move(listener.socket), std::move(theirs), authenticated));
    }
  }
  static int run(base::Fd listener, base::Fd theirs, bool authenticated) {
    warm_up();
    auto loop = base::EventLoop::create().value();
    auto server = Server::open(*loop,
                               {.listener = std::move(listener),
                                .link = std::move(theirs),
                                .name = "test",
                                .authenticated = authenticated,
                                .most_bytes = room},
                               [] { return can_confine() ? confine_viewer() : base::Result<>(); });
    if (!server)
      return 2;
    if (can_confine()) {
      if (auto confined = confine_display(xen::DomId{7}, 33); !confined)
        base::log_failure(confined); // where there are no namespaces to be had
    }
    return loop->run() ? 0 : 3;
  }
  // The next stream that is to be joined to QEMU.
  Qemu qemu() {
    const auto deadline = base::Deadline::after(limit);
    while (!deadline.passed()) {
      auto stream = receive_stream(link);
      EXPECT_TRUE(stream);
      if (!stream)
        break;
      if (*stream)
        return Qemu(std::move(**stream));
      ::usleep(10'000);
    }
    ADD_FAILURE() << "no stream has come";
    return Qemu(base::Fd());
  }
  std::future<std::unique_ptr<Client>> connect(const std::string &encodings = "raw",
                                               const std::string &password = {}) {
    return std::async(std::launch::async, [this, encodings, password] {
      return Client::connect(port, encodings, password);
    });
  }

  pid_t pid = -1;
  uint16_t port = 0;
  base::Fd link;
};

TEST_F(ServerTest, ShowsWhatQemuPaintsAndTellsItWhatAViewerDoes) {
  auto connecting = connect();
  Qemu machine = qemu();
  machine.greet(size);
  machine.paint(red);
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  EXPECT_EQ(viewer->size(), size);
  EXPECT_TRUE(viewer->shows(red));
  machine.paint(green);
  EXPECT_TRUE(viewer->shows(green));
  viewer->press('a', true);
  EXPECT_EQ(machine.hear(8), encode_key('a', true));
  viewer->point(3, 9, 1);
  EXPECT_EQ(machine.hear(6), encode_pointer(3, 9, 1));
  // One that goes lets go of what it has pressed; and then QEMU draws for nobody.
  viewer.reset();
  EXPECT_EQ(machine.hear(100), encode_key('a', false) + encode_pointer(3, 9, 0));
}

class Encoded : public ServerTest, public testing::WithParamInterface<const char *> {};

TEST_P(Encoded, IsMadeInAConfinedProcess) {
  auto connecting = connect(GetParam());
  Qemu machine = qemu();
  machine.greet(size);
  machine.paint(red);
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  EXPECT_TRUE(viewer->shows(red));
}

INSTANTIATE_TEST_SUITE_P(All, Encoded,
                         testing::Values("hextile", "zlib", "zrle", "ultra", "rre", "corre"),
                         [](const auto &test) { return std::string(test.param); });

// Tight's colours may be those of a JPEG: not quite what they were.
TEST_F(ServerTest, SpeaksTight) {
  auto connecting = connect("tight");
  Qemu machine = qemu();
  machine.greet(size);
  machine.paint(0);
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  EXPECT_TRUE(viewer->shows(0));
}

TEST_F(ServerTest, FollowsAnotherMode) {
  auto connecting = connect();
  Qemu machine = qemu();
  machine.greet(size);
  machine.paint(red);
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  ASSERT_TRUE(viewer->shows(red));
  constexpr Size larger{.width = 320, .height = 200};
  machine.resize(larger);
  machine.paint(green);
  EXPECT_TRUE(viewer->shows(green));
  EXPECT_EQ(viewer->size(), larger);
  machine.resize(size);
  machine.paint(red);
  EXPECT_TRUE(viewer->shows(red));
  EXPECT_EQ(viewer->size(), size);
}

TEST_F(ServerTest, ShowsSeveralViewersTheSameAndOneThatComesLaterToo) {
  auto connecting = connect();
  Qemu machine = qemu();
  machine.greet(size);
  machine.paint(red);
  auto first = connecting.get();
  ASSERT_TRUE(first && first->shows(red));
  auto second = connect("zrle").get();
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->shows(red));
  first.reset();
  machine.paint(green);
  EXPECT_TRUE(second->shows(green));
}

// It says nothing, in the middle of a message, and reads nothing.
TEST_F(ServerTest, AViewerThatStallsStallsNobody) {
  base::Fd stalled(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(stalled);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(stalled.get(), reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
  ASSERT_TRUE(base::write_all(stalled, "RFB 00"));
  auto connecting = connect();
  Qemu machine = qemu();
  machine.greet(size);
  machine.paint(red);
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  EXPECT_TRUE(viewer->shows(red, base::Milliseconds(3'000)));
}

// As in an upgrade: its viewers stay.
TEST_F(ServerTest, AnotherQemuTakesOver) {
  auto connecting = connect();
  auto viewer = [&] {
    Qemu machine = qemu();
    machine.greet(size);
    machine.paint(red);
    auto connected = connecting.get();
    EXPECT_TRUE(connected && connected->shows(red));
    return connected;
  }();
  ASSERT_TRUE(viewer);
  Qemu next = qemu();
  next.greet(size);
  next.paint(green);
  EXPECT_TRUE(viewer->shows(green));
}

TEST_F(ServerTest, AQemuThatBreaksTheProtocolIsAskedAgain) {
  auto connecting = connect();
  {
    Qemu hostile = qemu();
    hostile.greet(size);
    hostile.paint(red);
    hostile.say("\0\0\0\x01\0\0\0\0\xff\xff\xff\xff\0\0\0\0"s);
    EXPECT_EQ(hostile.hear(1), "");
  }
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  Qemu next = qemu();
  next.greet(size);
  next.paint(green);
  EXPECT_TRUE(viewer->shows(green));
}

// It says what costs dom0 more than it has to say it.
TEST_F(ServerTest, AQemuThatChangesItsSizeWithoutEndIsLeft) {
  auto connecting = connect();
  Qemu hostile = qemu();
  hostile.greet(size);
  std::string sizes;
  for (int i = 0; i < 1000; i++)
    sizes += "\0\0\0\x01\0\0\0\0\0\x40\0\x40\xff\xff\xff\x21"s;
  hostile.say(sizes);
  EXPECT_EQ(hostile.hear(100'000).size() % 10, 0U) << "some requests, then the end";
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  Qemu next = qemu();
  next.greet(size);
  next.paint(green);
  EXPECT_TRUE(viewer->shows(green));
}

class WithPassword : public ServerTest {
protected:
  void SetUp() override { start(true); }
};

TEST_F(WithPassword, TheRightOneIsLetInAndAWrongOneIsNot) {
  auto connecting = connect("raw", "secret");
  Qemu machine = qemu();
  machine.greet(size);
  machine.paint(red);
  EXPECT_FALSE(connecting.get()) << "there is none yet";
  ASSERT_TRUE(send_password(link, "secret"));
  connecting = connect("raw", "secret");
  machine = qemu(); // the other one had nobody to paint for
  machine.greet(size);
  machine.paint(red);
  auto viewer = connecting.get();
  ASSERT_TRUE(viewer);
  EXPECT_FALSE(connect("raw", "Secret").get());
  EXPECT_FALSE(connect("raw", "").get());
  ASSERT_TRUE(send_password(link, "other"));
  EXPECT_TRUE(connect("raw", "other").get());
  EXPECT_FALSE(connect("raw", "secret").get());
}

} // namespace
} // namespace linstub::display
