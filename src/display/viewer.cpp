// SPDX-License-Identifier: MIT
#include "display/viewer.hpp"

#include "display/input.hpp"

#include <poll.h>
#include <rfb/rfb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace linstub::display {
namespace {

constexpr int bits_per_sample = 8;
constexpr int samples = 3;
constexpr int slowest = 60'000; // ms without a byte in the middle of a message, or of an update

// QEMU answers its first client before it has looked at the guest's screen.
constexpr int first_screen = 2'000; // ms
constexpr Size no_screen{.width = 640, .height = 480};

struct EndScreen {
  void operator()(rfbScreenInfo *screen) const { rfbScreenCleanup(screen); }
};
using Server = std::unique_ptr<rfbScreenInfo, EndScreen>;

void drop_log(const char * /*format*/, ...) {} // NOLINT(cert-dcl50-cpp): libvncserver's hook

// One viewer's conversation. libvncserver's hooks find it by the client's data.
class Conversation {
public:
  explicit Conversation(Viewer viewer) : viewer_(std::move(viewer)), picture_(viewer_.screen) {}

  void serve();

private:
  static Conversation &of(rfbClientRec *client) {
    return *static_cast<Conversation *>(client->screen->screenData);
  }
  void wait_for_screen();
  bool open();
  void set_format();
  void change();
  bool may_resize();
  void asked(uint16_t width, uint16_t height);
  void send(const Input &input) const;
  rfbBool check(rfbClientRec *client, const char *response, int length) const;

  Viewer viewer_;
  Picture picture_;
  Server server_;
  rfbClientRec *client_ = nullptr;
  std::vector<std::byte> blank_; // until there is a screen
  bool asked_ = false;           // the viewer knows a size, and has said what it can do
  bool resized_ = false;         // it has not asked for all of the new size yet
};

void Conversation::wait_for_screen() {
  if (viewer_.screen.size() != Size{})
    return;
  pollfd change{.fd = viewer_.changed.get(), .events = POLLIN, .revents = 0};
  ::poll(&change, 1, first_screen);
}

// libvncserver's own format has red in the lowest byte.
void Conversation::set_format() {
  server_->serverFormat.redShift = 16;
  server_->serverFormat.greenShift = 8;
  server_->serverFormat.blueShift = 0;
}

bool Conversation::open() {
  wait_for_screen();
  picture_.follow();
  const Size size = picture_.size() == Size{} ? no_screen : picture_.size();
  server_.reset(rfbGetScreen(nullptr, nullptr, size.width, size.height, bits_per_sample, samples,
                             bytes_per_pixel));
  if (!server_)
    return false;
  blank_.resize(size_t{size.width} * size.height * bytes_per_pixel);
  server_->frameBuffer =
      reinterpret_cast<char *>(picture_.size() == Size{} ? blank_.data() : picture_.pixels());
  set_format();
  server_->screenData = this;
  server_->desktopName = viewer_.name.c_str();
  server_->autoPort = FALSE; // it listens nowhere
  server_->port = 0;
  server_->ipv6port = 0;
  server_->httpDir = nullptr;
  server_->alwaysShared = TRUE;
  server_->cursor = nullptr; // the guest draws its own
  server_->deferUpdateTime = 0;
  server_->deferPtrUpdateTime = 0;
  server_->maxClientWait = slowest;
  server_->permitFileTransfer = FALSE;
  server_->kbdAddEvent = [](rfbBool down, rfbKeySym key, rfbClientRec *client) {
    of(client).send({.kind = InputKind::key,
                     .state = static_cast<uint8_t>(down != FALSE ? 1 : 0),
                     .keysym = static_cast<uint32_t>(key)});
  };
  server_->ptrAddEvent = [](int buttons, int x, int y, rfbClientRec *client) {
    const Conversation &here = of(client);
    here.send({.kind = InputKind::pointer,
               .state = static_cast<uint8_t>(buttons),
               .x = static_cast<uint16_t>(std::clamp(x, 0, here.server_->width - 1)),
               .y = static_cast<uint16_t>(std::clamp(y, 0, here.server_->height - 1))});
  };
  server_->setXCutText = [](char *, int, rfbClientRec *) {};
  if (viewer_.authenticated) {
    server_->authPasswdData = this; // what libvncserver looks at is whether it is there
    server_->passwordCheck = [](rfbClientRec *client, const char *response, int length) {
      return of(client).check(client, response, length);
    };
  }
  rfbInitServer(server_.get());
  client_ = rfbNewClient(server_.get(), viewer_.client.release());
  if (client_ == nullptr)
    return false;
  client_->clientFramebufferUpdateRequestHook = [](rfbClientRec *client,
                                                   rfbFramebufferUpdateRequestMsg *request) {
    of(client).asked(request->w, request->h);
  };
  return true;
}

rfbBool Conversation::check(rfbClientRec *client, const char *response, int length) const {
  if (!viewer_.password || length != CHALLENGESIZE)
    return FALSE;
  std::array<unsigned char, CHALLENGESIZE> expected{};
  std::ranges::copy(client->authChallenge, expected.begin());
  std::string password = *viewer_.password;
  rfbEncryptBytes(expected.data(), password.data());
  unsigned difference = 0; // of all of it: how long it takes tells nothing
  for (size_t i = 0; i < expected.size(); i++)
    difference |= expected.at(i) ^ static_cast<unsigned char>(response[i]);
  return difference == 0 ? TRUE : FALSE;
}

// A packet is whole or not sent: QEMU's end does not wait for a viewer that floods it.
void Conversation::send(const Input &input) const {
  ::send(viewer_.input.get(), &input, sizeof input, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Before it has been told a size, or when it is known that it can follow. One that cannot has to
// connect again.
bool Conversation::may_resize() {
  if (client_->state < rfbClientRec::RFB_INITIALISATION)
    return true;
  if (!asked_)
    return false;
  if (client_->useNewFBSize == FALSE && client_->useExtDesktopSize == FALSE)
    rfbCloseClient(client_);
  return true;
}

// A request for the former size may still come when the new one has been told, and a viewer's
// picture of a new size begins with nothing: so all of it goes out once more when all of it is
// asked for.
void Conversation::asked(uint16_t width, uint16_t height) {
  asked_ = true;
  if (!resized_ || width != server_->width || height != server_->height)
    return;
  resized_ = false;
  rfbMarkRectAsModified(server_.get(), 0, 0, server_->width, server_->height);
}

void Conversation::change() {
  if (picture_.stale() && viewer_.screen.size() != Size{}) {
    if (!may_resize())
      return;
    picture_.follow();
    const Size size = picture_.size();
    if (size == Size{})
      return;
    rfbNewFramebuffer(server_.get(), reinterpret_cast<char *>(picture_.pixels()), size.width,
                      size.height, bits_per_sample, samples, bytes_per_pixel);
    set_format();
    server_->setTranslateFunction(client_);
    resized_ = true;
  }
  for (const Picture::Rectangle &place : picture_.take())
    rfbMarkRectAsModified(server_.get(), static_cast<int>(place.left), static_cast<int>(place.top),
                          static_cast<int>(place.left + place.width),
                          static_cast<int>(place.top + place.height));
}

void Conversation::serve() {
  if (!open())
    return;
  while (server_->clientHead != nullptr && client_->sock != RFB_INVALID_SOCKET) {
    std::array<pollfd, 3> waits{{{.fd = client_->sock, .events = POLLIN, .revents = 0},
                                 {.fd = viewer_.changed.get(), .events = POLLIN, .revents = 0},
                                 {.fd = viewer_.input.get(), .events = 0, .revents = 0}}};
    // One that may not be resized yet has something to say first.
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR)
      return;
    if ((waits[2].revents & (POLLHUP | POLLERR)) != 0)
      return; // the guest's display has ended
    if ((waits[1].revents & POLLIN) != 0) {
      uint64_t count = 0;
      [[maybe_unused]] ssize_t got = ::read(viewer_.changed.get(), &count, sizeof count);
    }
    change();
    rfbProcessEvents(server_.get(), 0);
  }
}

} // namespace

void warm_up() {
  rfbLog = drop_log;
  rfbErr = drop_log;
  std::array<unsigned char, CHALLENGESIZE> block{};
  rfbRandomBytes(block.data());
  std::string password = "password";
  rfbEncryptBytes(block.data(), password.data());
}

void serve_viewer(Viewer viewer) {
  // libvncserver's end of it is that of the process: nothing is given back in between.
  Conversation(std::move(viewer)).serve();
}

} // namespace linstub::display
