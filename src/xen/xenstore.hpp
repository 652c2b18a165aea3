// SPDX-License-Identifier: MIT
// Xenstore: a connection to xenstored, through its socket in dom0, through /dev/xen/xenbus in
// another domain. It speaks the protocol itself (xen/io/xs_wire.h, Xen's docs/misc/xenstore.txt):
// libxenstore needs a thread for watches, and its static version, built without one, fails every
// request that a watch event overtakes.
//
// Every value that is read is bounded: who reads says how long it may be. Relative paths are
// relative to /local/domain/<own domid>. A request waits for its answer, at most
// `answer_timeout`; after one that has not come in time (code ETIMEDOUT) at most
// `short_answer_timeout`, until xenstored has said something again: so a turn of an event loop that
// asks several times is not as much longer. Errors carry xenstored's errno (ENOENT: no such node;
// EACCES: not for this domain). After an error of the connection itself every later call fails too.
#pragma once

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "xen/domid.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::xen {

// What a domain that is named may do with a node.
enum class Access { none, read, write, both };

// The first of a node's names its owner, who may do anything, and what the domains that are not
// named may do.
struct Permission {
  DomId domid{};
  Access access = Access::none;

  bool operator==(const Permission &) const = default;
};

constexpr size_t longest_value = 4096; // XENSTORE_PAYLOAD_MAX
constexpr base::Milliseconds answer_timeout{30'000};
constexpr base::Milliseconds short_answer_timeout{500};

class Xenstore {
public:
  // `patience` is what a request waits for its answer.
  static base::Result<Xenstore> connect(base::Milliseconds patience = answer_timeout);

  // The value of a node; an error (code EMSGSIZE) if it is longer than `limit` bytes.
  base::Result<std::string> read(const std::string &path, size_t limit = longest_value);

  // The same; nothing if there is no such node.
  base::Result<std::optional<std::string>> read_if_there(const std::string &path,
                                                         size_t limit = longest_value);

  // A decimal number of at most `most`, strictly.
  base::Result<uint64_t> read_number(const std::string &path, uint64_t most);

  // The names of a node's children, in no particular order; an error (code EMSGSIZE) if there are
  // more than `limit`. Empty for a node without children; code ENOENT for no such node.
  base::Result<std::vector<std::string>> list(const std::string &path, size_t limit = 1024);

  // The same; none if there is no such node.
  base::Result<std::vector<std::string>> list_if_there(const std::string &path,
                                                       size_t limit = 1024);

  // Writes a value, making the nodes above it as needed.
  base::Result<> write(const std::string &path, std::string_view value);

  // Writes several nodes below `directory`, with one wait for all answers instead of one for each.
  // The error is the first one.
  using Nodes = std::vector<std::pair<std::string, std::string>>; // name, value
  base::Result<> write_all(const std::string &directory, const Nodes &nodes);

  base::Result<> make_directory(const std::string &path);

  // One that `owner` may write to, `reader` may read and nobody else may; what is made below it
  // gets the same.
  base::Result<> make_directory(const std::string &path, DomId owner, DomId reader);

  // Removes a node and all below it. That it was not there is no error.
  base::Result<> remove(const std::string &path);

  base::Result<> set_permissions(const std::string &path, std::span<const Permission> permissions);

  // Runs `body` in a transaction, and again when xenstored says that somebody else was faster, at
  // most `most_tries` times. Within `body` the calls above belong to the transaction. An error of
  // `body` abandons it.
  static constexpr int most_tries = 20;
  base::Result<> transaction(const std::function<base::Result<>()> &body);

  // Asks for an event whenever the node, or one below it, changes. One event comes at once.
  // Besides paths: "@introduceDomain" and "@releaseDomain".
  base::Result<> watch(const std::string &path, const std::string &token);
  base::Result<> unwatch(const std::string &path, const std::string &token);

  struct Event {
    std::string path; // what has changed: the watched node or one below it
    std::string token;
  };

  // The next event, nothing if there is none now. Of the events that came while a request waited
  // for its answer there is one for each token, the first: so a flood fills no memory and displaces
  // no other event.
  base::Result<std::optional<Event>> next_event();

  // What there is now, as a turn of an event loop takes it: the first event of each token. Whoever
  // floods us takes no more of a turn than `most_in_a_turn` events: then fd() stays readable.
  static constexpr int most_in_a_turn = 64;
  base::Result<std::vector<Event>> take_events();

  // Readable when there are events: for an EventLoop. Belongs to the connection.
  [[nodiscard]] int fd() const;

  // dom0 only: tells xenstored that `domid` acts for `target` (what the target may do, it may do).
  base::Result<> set_target(DomId domid, DomId target);

  // dom0 only: tells xenstored that a domain that had shut down runs again.
  base::Result<> resumed(DomId domid);

private:
  struct Message;
  Xenstore(base::Fd connection, base::Fd queued, base::Fd either, base::Milliseconds patience)
      : connection_(std::move(connection)), queued_(std::move(queued)), either_(std::move(either)),
        most_patience_(patience), patience_(patience) {}
  base::Result<std::string> request(uint32_t type, std::string_view payload);
  base::Result<uint32_t> send(uint32_t type, std::string_view payload);
  base::Result<std::string> answer(uint32_t request);
  base::Result<Message> receive(base::Deadline deadline);
  base::Result<> await_message(base::Deadline deadline);
  base::Result<Message> read_message(base::Deadline deadline);
  base::Result<> read_all(std::span<std::byte> bytes, base::Deadline deadline);

  base::Fd connection_;
  base::Fd queued_; // an eventfd: events_ is not empty
  base::Fd either_; // an epoll of both
  std::deque<Event> events_;
  uint32_t last_request_ = 0;
  uint32_t transaction_ = 0;
  base::Milliseconds most_patience_;
  base::Milliseconds patience_;       // now
  std::optional<base::Error> broken_; // the connection is
};

// "/local/domain/<domid>"
std::string domain_path(DomId domid);

} // namespace linstub::xen
