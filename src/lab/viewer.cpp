// SPDX-License-Identifier: MIT
#include "lab/viewer.hpp"

#include <rfb/rfbclient.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace linstub::lab {
namespace {

constexpr int bits_per_sample = 8;
constexpr int samples = 3;
constexpr int largest_side = 8192;
constexpr int poll_microseconds = 20'000;
constexpr base::Milliseconds longest_black{15'000};

void drop_log(const char * /*format*/, ...) {} // NOLINT(cert-dcl50-cpp): libvncclient's hook

} // namespace

// libvncclient owns what belongs to a client, except for the frame buffer.
void Viewer::EndClient::operator()(_rfbClient *client) const {
  std::free(client->frameBuffer); // NOLINT(cppcoreguidelines-no-malloc)
  client->frameBuffer = nullptr;
  rfbClientCleanup(client);
}

// What libvncclient's hooks find their viewer by.
struct Viewer::Hooks {
  static Viewer &of(rfbClient *client) {
    return *static_cast<Viewer *>(rfbClientGetClientData(client, nullptr));
  }
  // Rectangles may come in any number: the update is whole when the last one has been read.
  static void note_update(rfbClient *client) { of(client).updated_ = true; }
  static rfbBool allocate_black(rfbClient *client) {
    if (client->width < 1 || client->height < 1 || client->width > largest_side ||
        client->height > largest_side)
      return FALSE;
    std::free(client->frameBuffer); // NOLINT(cppcoreguidelines-no-malloc)
    client->frameBuffer = static_cast<uint8_t *>(
        std::calloc(static_cast<size_t>(client->width) * static_cast<size_t>(client->height),
                    bytes_per_pixel)); // NOLINT(cppcoreguidelines-no-malloc)
    of(client).resized_ = true;
    return client->frameBuffer != nullptr ? TRUE : FALSE;
  }
  static char *password(rfbClient *client) { return strdup(of(client).password_.c_str()); }
};

base::Result<std::unique_ptr<Viewer>> Viewer::connect(const Host &host, const std::string &guest,
                                                      base::Deadline deadline,
                                                      const std::string &password,
                                                      const std::string &encodings) {
  const std::string port = TRY(host.check(
      base::format("xenstore-read /local/domain/$(xl domid {})/console/vnc-port", quote(guest)),
      deadline.left()));
  const uint16_t ours =
      TRY(host.forward("127.0.0.1", static_cast<uint16_t>(std::atoi(port.c_str()))));
  rfbClientLog = drop_log;
  rfbClientErr = drop_log;
  std::unique_ptr<Viewer> viewer(new Viewer(password, encodings));
  rfbClient *raw = rfbGetClient(bits_per_sample, samples, bytes_per_pixel);
  if (raw == nullptr)
    return base::fail("out of memory");
  std::free(raw->serverHost); // NOLINT(cppcoreguidelines-no-malloc)
  raw->serverHost = strdup("127.0.0.1");
  raw->serverPort = ours;
  raw->appData.encodingsString = viewer->encodings_.c_str();
  raw->MallocFrameBuffer = Hooks::allocate_black;
  raw->FinishedFrameBufferUpdate = Hooks::note_update;
  raw->GetPassword = Hooks::password;
  rfbClientSetClientData(raw, nullptr, viewer.get());
  raw->connectTimeout = static_cast<unsigned>(deadline.left().count() / 1000 + 1);
  raw->readTimeout = raw->connectTimeout;
  // Frees the client itself when it fails.
  if (rfbInitClient(raw, nullptr, nullptr) == FALSE)
    return base::fail("no VNC server answers at port {}, it does not let us in, or it has no "
                      "screen of a usual size",
                      port);
  viewer->client_.reset(raw);
  return viewer;
}

int Viewer::width() const { return client_->width; }

int Viewer::height() const { return client_->height; }

std::span<const uint8_t> Viewer::pixels() const {
  return {client_->frameBuffer,
          static_cast<size_t>(width()) * static_cast<size_t>(height()) * bytes_per_pixel};
}

std::array<uint8_t, 3> Viewer::colour(size_t number) const {
  uint32_t pixel = 0;
  std::memcpy(&pixel, pixels().subspan(number * bytes_per_pixel).data(), sizeof pixel);
  const rfbPixelFormat &format = client_->format;
  return {static_cast<uint8_t>(pixel >> format.redShift),
          static_cast<uint8_t>(pixel >> format.greenShift),
          static_cast<uint8_t>(pixel >> format.blueShift)};
}

base::Result<bool> Viewer::serve(base::Deadline deadline) {
  updated_ = false;
  resized_ = false;
  while (!updated_ && !deadline.passed()) {
    const int ready = WaitForMessage(client_.get(), poll_microseconds);
    if (ready < 0 || (ready > 0 && HandleRFBServerMessage(client_.get()) == FALSE))
      return base::fail("the VNC server has closed the connection");
  }
  return updated_;
}

base::Result<bool> Viewer::update(Ask ask, base::Deadline deadline) {
  if (SendFramebufferUpdateRequest(client_.get(), 0, 0, width(), height(),
                                   ask == Ask::changes ? TRUE : FALSE) == FALSE)
    return base::fail("ask for the picture: the connection broke");
  return serve(deadline);
}

base::Result<> Viewer::wait_for_picture(base::Deadline deadline) {
  // An update may only say that the screen has another size: then it is asked for once more.
  do {
    if (!TRY(update(Ask::all, deadline)))
      return base::fail_errno(ETIMEDOUT, "wait for the picture");
  } while (resized_);
  // QEMU answers its first client before it has looked at the guest's screen for the first time. A
  // screen that stays black is one.
  const auto until = deadline.or_earlier(base::Deadline::after(longest_black));
  while (std::ranges::all_of(pixels(), [](uint8_t byte) { return byte == 0; }) && !until.passed())
    TRY(update(Ask::changes, until));
  return {};
}

base::Result<base::Milliseconds> Viewer::press_and_see(uint32_t keysym, base::Deadline deadline) {
  const std::vector<uint8_t> before(pixels().begin(), pixels().end());
  const auto begin = base::Clock::now();
  TRY(press(keysym));
  while (TRY(serve(deadline))) {
    if (!std::ranges::equal(pixels(), before))
      return std::chrono::duration_cast<base::Milliseconds>(base::Clock::now() - begin);
  }
  return base::fail_errno(ETIMEDOUT, "see on the screen that a key was pressed");
}

void Viewer::settle() {
  constexpr base::Milliseconds a_while{1'500};
  while (serve(base::Deadline::after(a_while)).value_or(false)) {
  }
}

base::Result<> Viewer::point(int x, int y, int buttons) {
  if (SendPointerEvent(client_.get(), x, y, buttons) == FALSE)
    return base::fail("move the pointer: the connection broke");
  return {};
}

base::Result<> Viewer::press(uint32_t keysym) {
  if (SendKeyEvent(client_.get(), keysym, TRUE) == FALSE ||
      SendKeyEvent(client_.get(), keysym, FALSE) == FALSE)
    return base::fail("press a key: the connection broke");
  return {};
}

} // namespace linstub::lab
