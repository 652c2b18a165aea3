// SPDX-License-Identifier: MIT
// Viewer: a client of a guest's VNC server (libvncclient), for what a test does with one.
#pragma once

#include "base/deadline.hpp"
#include "base/result.hpp"
#include "lab/host.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct _rfbClient; // NOLINT(bugprone-reserved-identifier): libvncclient's name of it

namespace linstub::lab {

// For a guest's prompt: nothing on its screen moves by itself any more, and what is typed is shown.
constexpr const char *quiet_screen = "sh printf '\\033c\\033[?25l' >/dev/tty1; "
                                     "sleep 100000 </dev/tty1 >/dev/null 2>&1 &";

// The same: lines are written to it, until the other command ends that.
constexpr const char *scroll_screen =
    "sh touch /tmp/scroll; (i=0; while [ -e /tmp/scroll ]; do i=$((i + 1)); echo line $i of a "
    "console that scrolls; sleep 0.05; done) >/dev/tty1 2>/dev/null </dev/null &";
constexpr const char *end_scrolling = "sh rm /tmp/scroll";

class Viewer {
public:
  static constexpr size_t bytes_per_pixel = 4;

  // To the port that xenstore names, on a guest of the host. An error, too, if the password is not
  // the one that the guest's VNC server wants. `encodings` as libvncclient knows them.
  static base::Result<std::unique_ptr<Viewer>> connect(const Host &host, const std::string &guest,
                                                       base::Deadline deadline,
                                                       const std::string &password = {},
                                                       const std::string &encodings = "raw");
  Viewer(const Viewer &) = delete;
  Viewer &operator=(const Viewer &) = delete;

  [[nodiscard]] int width() const;
  [[nodiscard]] int height() const;
  [[nodiscard]] std::span<const uint8_t> pixels() const;
  [[nodiscard]] std::array<uint8_t, 3> colour(size_t number) const; // red, green, blue

  // The whole screen, and not black if it does not stay so.
  base::Result<> wait_for_picture(base::Deadline deadline);

  // Asks for the screen, or for what has changed of it, and reads the answer. False when none has
  // come by the deadline. libvncclient asks for more by itself when it has read an update: serve()
  // waits for the next one.
  enum class Ask : uint8_t { all, changes };
  base::Result<bool> update(Ask ask, base::Deadline deadline);
  base::Result<bool> serve(base::Deadline deadline);

  // A key, by X11's number, down and up again.
  base::Result<> press(uint32_t keysym);

  // The pointer to a pixel, with those of its buttons (bit 0: the left one).
  base::Result<> point(int x, int y, int buttons);

  // press(), and waits until the screen is another than it was: how long that took. The deadline's
  // passing is an error.
  base::Result<base::Milliseconds> press_and_see(uint32_t keysym, base::Deadline deadline);

  // Until nothing has changed for a while.
  void settle();

private:
  struct EndClient {
    void operator()(_rfbClient *client) const;
  };
  struct Hooks;

  Viewer(std::string password, std::string encodings)
      : password_(std::move(password)), encodings_(std::move(encodings)) {}

  std::string password_;
  std::string encodings_;
  bool updated_ = false; // an update has been read to its end
  bool resized_ = false; // the frame buffer is new: nothing of the screen is in it yet
  std::unique_ptr<_rfbClient, EndClient> client_;
};

} // namespace linstub::lab
