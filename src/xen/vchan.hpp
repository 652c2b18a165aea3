// SPDX-License-Identifier: MIT
// Vchan: a flow of bytes both ways between two domains over shared memory (libxenvchan), at the end
// that serves it: dom0's end is in shared_vchan.hpp.
//
// The domain that serves shares its own pages; the other one maps them. Nothing here blocks.
// Whoever waits on fd() calls acknowledge() when it is readable, then reads and writes until both
// return 0: the fd only tells that something has changed. What the other side puts into the shared
// page is untrusted; libxenvchan keeps its own copy of the sizes.
#pragma once

#include "base/result.hpp"
#include "xen/domid.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

struct libxenvchan;

namespace linstub::xen {

// The largest ring that a client maps, in bytes, each way.
constexpr size_t largest_ring = size_t{1} << 18;

class Vchan {
public:
  // Shares rings with `peer`, and writes ring-ref and event-channel below `path`, readable for
  // `peer` only. One client at a time. Each ring has at least the bytes that are asked for, and
  // takes whole pages (but 1 KiB one way and 2 KiB the other fit into one page together).
  struct Sizes {
    size_t to_us = 0;
    size_t to_peer = 0;
  };
  static base::Result<Vchan> serve(DomId peer, const std::string &path, Sizes sizes);

  enum class State { waiting, open, closed }; // waiting: serving, and no client has come yet
  [[nodiscard]] State state() const;

  // True once for every client that has come. A client that leaves while another
  // one comes at once cannot be told from one that stayed by state() alone.
  bool accept();

  // When no client is there: drops what is still in the rings, so that the next
  // client does not read what was meant for the last one.
  void discard();

  // Readable when something has changed: for an EventLoop. Belongs to the Vchan.
  [[nodiscard]] int fd() const;

  // Takes note of the event that made fd() readable. Does not block if there is none.
  void acknowledge();

  // Reads what is there, 0 if nothing is. When the other side has closed, what it had written
  // comes first, then an error with code EPIPE.
  base::Result<size_t> read(std::span<std::byte> bytes);

  // Writes as much as there is room for, 0 if there is none. Code EPIPE when the other side has
  // closed.
  base::Result<size_t> write(std::span<const std::byte> bytes);

private:
  struct Close {
    void operator()(libxenvchan *channel) const;
  };
  explicit Vchan(libxenvchan *channel) : channel_(channel) {}
  base::Result<> prepare(const std::string &path);

  std::unique_ptr<libxenvchan, Close> channel_;
};

} // namespace linstub::xen
