// SPDX-License-Identifier: MIT
#include "lab/screenshot.hpp"

#include <png.h>
#include <rfb/rfbclient.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <vector>

namespace linstub::lab {
namespace {

constexpr int bits_per_sample = 8;
constexpr int samples = 3;
constexpr int bytes_per_pixel = 4;
constexpr base::Milliseconds longest_black{15'000};
constexpr int largest_side = 8192;
constexpr int poll_microseconds = 100'000;

// libvncclient owns what belongs to a client, except for the frame buffer.
struct EndClient {
  void operator()(rfbClient *client) const {
    std::free(client->frameBuffer); // NOLINT(cppcoreguidelines-no-malloc)
    client->frameBuffer = nullptr;
    rfbClientCleanup(client);
  }
};
using Client = std::unique_ptr<rfbClient, EndClient>;

// What the hooks below note.
struct Progress {
  std::string password;
  bool updated = false; // an update has been read to its end
  bool resized = false; // the frame buffer is new: nothing of the screen is in it yet
};

Progress &progress_of(rfbClient *client) {
  return *static_cast<Progress *>(rfbClientGetClientData(client, nullptr));
}

// Rectangles may come in any number: the update is whole when the last one has been read.
void note_update(rfbClient *client) { progress_of(client).updated = true; }

rfbBool allocate_black(rfbClient *client) {
  if (client->width < 1 || client->height < 1 || client->width > largest_side ||
      client->height > largest_side)
    return FALSE;
  std::free(client->frameBuffer); // NOLINT(cppcoreguidelines-no-malloc)
  client->frameBuffer = static_cast<uint8_t *>(
      std::calloc(static_cast<size_t>(client->width) * static_cast<size_t>(client->height),
                  bytes_per_pixel)); // NOLINT(cppcoreguidelines-no-malloc)
  progress_of(client).resized = true;
  return client->frameBuffer != nullptr ? TRUE : FALSE;
}

void drop_log(const char * /*format*/, ...) {} // NOLINT(cert-dcl50-cpp): libvncclient's hook

base::Result<Client> connect(const std::string &host, uint16_t port, Progress *progress,
                             base::Deadline deadline) {
  rfbClientLog = drop_log;
  rfbClientErr = drop_log;
  rfbClient *raw = rfbGetClient(bits_per_sample, samples, bytes_per_pixel);
  if (raw == nullptr)
    return base::fail("out of memory");
  std::free(raw->serverHost); // NOLINT(cppcoreguidelines-no-malloc)
  raw->serverHost = strdup(host.c_str());
  raw->serverPort = port;
  raw->appData.encodingsString = "raw";
  raw->MallocFrameBuffer = allocate_black;
  raw->FinishedFrameBufferUpdate = note_update;
  raw->GetPassword = [](rfbClient *client) { return strdup(progress_of(client).password.c_str()); };
  rfbClientSetClientData(raw, nullptr, progress);
  raw->connectTimeout = static_cast<unsigned>(deadline.left().count() / 1000 + 1);
  raw->readTimeout = raw->connectTimeout;
  // Frees the client itself when it fails.
  if (rfbInitClient(raw, nullptr, nullptr) == FALSE)
    return base::fail("no VNC server answers at {} port {}, it does not let us in, or it has "
                      "no screen of a usual size",
                      host, port);
  return Client(raw);
}

bool is_black(const rfbClient &client) {
  const size_t size = static_cast<size_t>(client.width) * static_cast<size_t>(client.height);
  const std::span bytes(client.frameBuffer, size * bytes_per_pixel);
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// Asks for the screen, or for what has changed of it, and reads the answer. False when none has
// come by the deadline.
base::Result<bool> update(rfbClient *client, rfbBool incremental, base::Deadline deadline) {
  progress_of(client).updated = false;
  progress_of(client).resized = false;
  if (SendFramebufferUpdateRequest(client, 0, 0, client->width, client->height, incremental) ==
      FALSE)
    return base::fail("ask for the picture: the connection broke");
  while (!progress_of(client).updated && !deadline.passed()) {
    const int ready = WaitForMessage(client, poll_microseconds);
    if (ready < 0 || (ready > 0 && HandleRFBServerMessage(client) == FALSE))
      return base::fail("the VNC server closed the connection before it sent the picture");
  }
  return progress_of(client).updated;
}

base::Result<> wait_for_picture(rfbClient *client, base::Deadline deadline) {
  // An update may only say that the screen has another size: then it is asked for once more.
  do {
    if (!TRY(update(client, FALSE, deadline)))
      return base::fail_errno(ETIMEDOUT, "wait for the picture");
  } while (progress_of(client).resized);
  // QEMU answers its first client before it has looked at the guest's screen for the first time. A
  // screen that stays black is one.
  const auto until = deadline.or_earlier(base::Deadline::after(longest_black));
  while (is_black(*client) && !until.passed())
    TRY(update(client, TRUE, until));
  return {};
}

base::Result<Picture> write_png(const rfbClient &client, const std::filesystem::path &png) {
  Picture picture{.width = client.width, .height = client.height};
  const rfbPixelFormat &format = client.format;
  std::vector<png_byte> pixels;
  pixels.reserve(static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) *
                 samples);
  size_t lit = 0;
  std::set<std::array<png_byte, samples>> colours;
  const size_t count = static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
  for (size_t i = 0; i < count; i++) {
    uint32_t pixel = 0;
    std::memcpy(&pixel, client.frameBuffer + i * bytes_per_pixel, sizeof pixel);
    const std::array<png_byte, samples> colour{static_cast<png_byte>(pixel >> format.redShift),
                                               static_cast<png_byte>(pixel >> format.greenShift),
                                               static_cast<png_byte>(pixel >> format.blueShift)};
    lit += colour != std::array<png_byte, samples>{} ? 1 : 0;
    colours.insert(colour);
    pixels.insert(pixels.end(), colour.begin(), colour.end());
  }
  picture.colours = colours.size();
  picture.lit = static_cast<double>(lit) / static_cast<double>(count);

  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(picture.width);
  image.height = static_cast<png_uint_32>(picture.height);
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, png.c_str(), 0, pixels.data(), 0, nullptr) == 0)
    return base::fail("write {}: {}", png.string(), std::string(image.message));
  return picture;
}

} // namespace

base::Result<Picture> take_screenshot(const Host &host, const std::string &guest,
                                      const std::filesystem::path &png, base::Deadline deadline,
                                      const std::string &password) {
  auto take = [&]() -> base::Result<Picture> {
    const std::string port = TRY(host.check(
        base::format("xenstore-read /local/domain/$(xl domid {})/console/vnc-port", quote(guest)),
        deadline.left()));
    const uint16_t ours =
        TRY(host.forward("127.0.0.1", static_cast<uint16_t>(std::atoi(port.c_str()))));
    Progress progress{.password = password};
    const Client client = TRY(connect("127.0.0.1", ours, &progress, deadline));
    TRY(wait_for_picture(client.get(), deadline));
    return write_png(*client, png);
  };
  return take().transform_error(base::doing("take a screenshot of guest {}", guest));
}

} // namespace linstub::lab
