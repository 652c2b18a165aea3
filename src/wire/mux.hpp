// SPDX-License-Identifier: MIT
// Mux: one side of the channel's protocol (frame.hpp), without any I/O.
//
// The owner moves bytes: what comes from the vchan goes into feed(), what stands in output() goes
// to the vchan. What happened is told through the Listener. Both sides use the same class.
//
// Memory is bounded by design: output() holds at most what the credits of its streams allow plus
// a few control frames. send() takes no more than the other side has granted; a side that does not
// read what we say is granted nothing more, so it can say no more either; and one that opens more
// than `most_streams` streams or exceeds its credit is in breach of the protocol.
#pragma once

#include "wire/frame.hpp"

#include <map>
#include <string_view>
#include <vector>

namespace linstub::wire {

constexpr size_t most_streams = 32;

// Of output() that the other side has not read, in bytes: above that it is granted no credit.
constexpr size_t most_unread = size_t{64} << 10;

enum class Side { dom0, stub };

class Mux {
public:
  // Calls come from inside feed(). They may call any method of the Mux but feed().
  class Listener {
  public:
    virtual ~Listener() = default;
    // The other side has said hello: streams may be opened.
    virtual void on_hello() = 0;
    // stub: dom0 wants `service`. Answer with accept() or close(), now or later.
    virtual void on_open(StreamId stream, Service service, uint8_t index) = 0;
    // dom0: the stub domain has accepted. send() works from now on.
    virtual void on_accept(StreamId stream) = 0;
    // Bytes have come. Call consume() when they have left your buffers.
    virtual void on_data(StreamId stream, std::span<const std::byte> bytes) = 0;
    // More can be sent than before.
    virtual void on_credit(StreamId stream) = 0;
    // The other side will send nothing more. If we have not closed yet, close() is due. `reason`
    // comes from the other side: it is not to be trusted, nor shown without base::printable.
    virtual void on_close(StreamId stream, std::string_view reason) = 0;
  };

  // `listener` must outlive the Mux. The hello frame stands in output() at once.
  Mux(Side side, Listener &listener);

  // dom0 only: asks for a service, ready to buffer `window` bytes of what it sends. Fails before
  // the other side's hello and when there are too many streams.
  base::Result<StreamId> open(Service service, uint8_t index, uint32_t window);

  // stub only: agrees to an open.
  void accept(StreamId stream, uint32_t window);

  // Queues as many of `bytes` as the credit allows and says how many; the rest has to wait for
  // on_credit(). 0 for a stream that is closed or not there.
  size_t send(StreamId stream, std::span<const std::byte> bytes);

  // How many bytes send() would take.
  [[nodiscard]] size_t credit(StreamId stream) const;

  // `count` bytes given to on_data have been dealt with: the other side may send as many more.
  void consume(StreamId stream, size_t count);

  // Ends our side of a stream. Data of the other side is dropped from now on.
  void close(StreamId stream, std::string_view reason = {});

  // Takes any number of bytes from the other side. An error is a breach of the protocol: the
  // channel must end, and every later call returns it again.
  base::Result<> feed(std::span<const std::byte> bytes);

  // The bytes to send, and how many of them have been sent.
  [[nodiscard]] std::span<const std::byte> output() const;
  void sent(size_t count);

private:
  struct Stream {
    bool accepted = false;
    bool closed_here = false;
    bool closed_there = false;
    uint32_t may_send = 0;    // credit granted to us
    uint32_t may_receive = 0; // credit we granted and the other side has not used
    uint32_t owed = 0;        // consumed, not yet granted again
    uint32_t window = 0;      // what we granted at first
  };

  base::Result<> frame(const Header &header, std::span<const std::byte> payload);
  base::Result<> handle_open(StreamId id, std::span<const std::byte> payload);
  base::Result<> handle_accept(StreamId id, Stream &stream, std::span<const std::byte> payload);
  base::Result<> handle_data(StreamId id, Stream &stream, std::span<const std::byte> payload);
  base::Result<> handle_credit(StreamId id, Stream &stream, uint32_t granted);
  void grant(StreamId id, Stream &stream);
  void push(const Header &header, std::span<const std::byte> payload = {});
  void forget_if_closed(StreamId id);

  Side side_;
  Listener &listener_;
  bool hello_ = false;
  StreamId last_ = 0;
  std::map<StreamId, Stream> streams_;
  std::vector<std::byte> input_; // an incomplete frame
  std::vector<std::byte> output_;
  size_t output_sent_ = 0;
  base::Result<> broken_;
};

} // namespace linstub::wire
