// Watches: a connection to xenstore that does nothing but tell of changes.
//
// It speaks xenstore's own protocol (xen/io/xs_wire.h: a header of four 32-bit words, then the
// body) because libxenstore cannot do this in a static program: the static library has no thread
// that reads, so an event that comes before the reply to a request breaks its connection, and from
// /dev/xen/xenbus the first event of a watch comes before the reply to the watch itself (seen). It
// also saves the thread where the library would start one.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::xen {

struct WatchEvent {
  std::string path; // what changed: the watched node or one below it
  std::string token;
};

class Watches {
public:
  // Through xenstored's socket where there is one (dom0), else through /dev/xen/xenbus.
  static base::Result<Watches> connect();

  // Asks for events. That xenstored refuses is told by next().
  base::Result<> add(const std::string &path, const std::string &token);
  base::Result<> remove(const std::string &path, const std::string &token);

  // The next event, nothing if there is none now. Does not block.
  base::Result<std::optional<WatchEvent>> next();

  // Readable when there may be events.
  [[nodiscard]] int fd() const { return fd_.get(); }

private:
  explicit Watches(base::Fd fd) : fd_(std::move(fd)) {}
  base::Result<> request(uint32_t type, const std::string &path, const std::string &token);
  base::Result<bool> read_more();                 // false: nothing there
  base::Result<std::optional<WatchEvent>> take(); // from input_

  base::Fd fd_;
  std::vector<std::byte> input_;
};

} // namespace linstub::xen
