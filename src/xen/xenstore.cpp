// SPDX-License-Identifier: MIT
#include "xen/xenstore.hpp"

#include "xen/xenstored.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

extern "C" {
#include <xen/io/xs_wire.h>
}

namespace linstub::xen {
namespace {

constexpr std::array<std::pair<Access, char>, 4> access_letters{
    {{Access::none, 'n'}, {Access::read, 'r'}, {Access::write, 'w'}, {Access::both, 'b'}}};

// The pieces of "one\0two\0".
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    size_t end = std::min(text.find('\0'), text.size());
    pieces.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return pieces;
}

std::string terminated(std::string_view text) { return std::string(text).append(1, '\0'); }

int error_number(std::string_view name) {
  name = name.substr(0, name.find('\0'));
  for (const auto &known : xsd_errors) {
    if (name == known.errstring)
      return known.errnum;
  }
  return EINVAL;
}

} // namespace

struct Xenstore::Message {
  uint32_t type = 0;
  uint32_t request = 0;
  std::string body;
};

base::Result<Xenstore> Xenstore::connect(base::Milliseconds patience) {
  base::Fd connection =
      TRY(connect_xenstored().transform_error(base::doing("connect to xenstore")));
  base::Fd queued(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  base::Fd either(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event readable{.events = EPOLLIN, .data = {}};
  if (!queued || !either ||
      ::epoll_ctl(either.get(), EPOLL_CTL_ADD, connection.get(), &readable) != 0 ||
      ::epoll_ctl(either.get(), EPOLL_CTL_ADD, queued.get(), &readable) != 0)
    return base::fail_errno(errno, "connect to xenstore");
  return Xenstore(std::move(connection), std::move(queued), std::move(either), patience);
}

base::Result<> Xenstore::read_all(std::span<std::byte> bytes, base::Deadline deadline) {
  while (!bytes.empty()) {
    TRY(await_message(deadline));
    ssize_t got = ::read(connection_.get(), bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return base::fail_errno(got == 0 ? EPIPE : errno, "receive from xenstored");
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
  return {};
}

base::Result<Xenstore::Message> Xenstore::receive(base::Deadline deadline) {
  if (broken_)
    return std::unexpected(*broken_);
  if (auto there = await_message(deadline); !there) {
    patience_ = std::min(most_patience_, short_answer_timeout);
    return std::unexpected(std::move(there).error());
  }
  auto message = read_message(deadline);
  if (message)
    patience_ = most_patience_;
  else // nobody knows where the next one begins
    broken_ = message.error();
  return message;
}

base::Result<> Xenstore::await_message(base::Deadline deadline) {
  for (;;) {
    pollfd ready{.fd = connection_.get(), .events = POLLIN, .revents = 0};
    const int count = ::poll(&ready, 1, static_cast<int>(deadline.left().count()));
    if (count > 0)
      return {};
    if (count == 0)
      return std::unexpected(base::Error("xenstored has not answered in time", ETIMEDOUT));
    if (errno != EINTR)
      return base::fail_errno(errno, "wait for xenstored");
  }
}

base::Result<Xenstore::Message> Xenstore::read_message(base::Deadline deadline) {
  xsd_sockmsg header{};
  TRY(read_all(std::as_writable_bytes(std::span(&header, 1)), deadline));
  if (header.len > XENSTORE_PAYLOAD_MAX)
    return base::fail("xenstored sends {} bytes, more than the protocol allows", header.len);
  Message message{.type = header.type, .request = header.req_id, .body = {}};
  message.body.resize(header.len);
  TRY(read_all(std::as_writable_bytes(std::span(message.body)), deadline));
  return message;
}

base::Result<std::string> Xenstore::request(uint32_t type, std::string_view payload) {
  return answer(TRY(send(type, payload)));
}

// The request's number.
base::Result<uint32_t> Xenstore::send(uint32_t type, std::string_view payload) {
  xsd_sockmsg header{.type = type,
                     .req_id = ++last_request_,
                     .tx_id = transaction_,
                     .len = static_cast<uint32_t>(payload.size())};
  if (payload.size() > XENSTORE_PAYLOAD_MAX)
    return std::unexpected(base::Error(base::errno_text(E2BIG), E2BIG));
  std::string bytes(reinterpret_cast<const char *>(&header), sizeof header);
  bytes.append(payload);
  if (broken_)
    return std::unexpected(*broken_);
  if (auto sent = base::write_all(connection_, bytes); !sent) {
    broken_ = sent.error();
    return std::unexpected(std::move(sent).error());
  }
  return header.req_id;
}

base::Result<std::string> Xenstore::answer(uint32_t request) {
  auto deadline = base::Deadline::after(patience_);
  for (;;) {
    Message message = TRY(receive(deadline));
    if (message.type == XS_WATCH_EVENT) {
      std::vector<std::string> parts = split(message.body);
      if (parts.size() >= 2 && !std::ranges::contains(events_, parts[1], &Event::token))
        events_.push_back({.path = std::move(parts[0]), .token = std::move(parts[1])});
      ::eventfd_write(queued_.get(), 1);
    } else if (message.request == request) {
      if (message.type != XS_ERROR)
        return std::move(message.body);
      int code = error_number(message.body);
      return std::unexpected(base::Error(base::errno_text(code), code));
    } // else the late answer to a request that was given up
  }
}

base::Result<std::string> Xenstore::read(const std::string &path, size_t limit) {
  std::string value = TRY(request(XS_READ, terminated(path))
                              .transform_error(base::doing("read xenstore node {}", path)));
  if (value.size() > limit)
    return std::unexpected(
        base::Error(base::format("read xenstore node {}: its {} bytes are more than the {} allowed",
                                 path, value.size(), limit),
                    EMSGSIZE));
  return value;
}

base::Result<std::optional<std::string>> Xenstore::read_if_there(const std::string &path,
                                                                 size_t limit) {
  auto value = read(path, limit);
  if (!value && value.error().code() == ENOENT)
    return std::nullopt;
  return value.transform([](std::string &text) { return std::optional(std::move(text)); });
}

base::Result<uint64_t> Xenstore::read_number(const std::string &path, uint64_t most) {
  std::string text = TRY(read(path, 32));
  return parse_number(text, most).transform_error(base::doing("read xenstore node {}", path));
}

base::Result<std::vector<std::string>> Xenstore::list(const std::string &path, size_t limit) {
  std::string names = TRY(request(XS_DIRECTORY, terminated(path))
                              .transform_error(base::doing("list xenstore node {}", path)));
  std::vector<std::string> children = split(names);
  if (children.size() > limit)
    return std::unexpected(base::Error(
        base::format("list xenstore node {}: its {} children are more than the {} allowed", path,
                     children.size(), limit),
        EMSGSIZE));
  return children;
}

base::Result<std::vector<std::string>> Xenstore::list_if_there(const std::string &path,
                                                               size_t limit) {
  auto names = list(path, limit);
  if (!names && names.error().code() == ENOENT)
    return std::vector<std::string>();
  return names;
}

base::Result<> Xenstore::write(const std::string &path, std::string_view value) {
  TRY(request(XS_WRITE, terminated(path).append(value))
          .transform_error(base::doing("write xenstore node {}", path)));
  return {};
}

base::Result<> Xenstore::write_all(const std::string &directory, const Nodes &nodes) {
  // So many that neither side's socket can be full of what the other has not read.
  constexpr size_t most_at_once = 16;
  for (auto rest = std::span(nodes); !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), most_at_once));
    rest = rest.subspan(part.size());
    std::vector<uint32_t> requests;
    for (const auto &[name, value] : part)
      requests.push_back(
          TRY(send(XS_WRITE, terminated(base::format("{}/{}", directory, name)).append(value))
                  .transform_error(base::doing("write xenstore node {}/{}", directory, name))));
    base::Result<> written;
    for (size_t i = 0; i < part.size(); i++) {
      auto answered = answer(requests[i]);
      if (!answered && written)
        written = std::unexpected(std::move(answered).error().in(
            base::format("write xenstore node {}/{}", directory, part[i].first)));
    }
    TRY(written);
  }
  return {};
}

base::Result<> Xenstore::make_directory(const std::string &path) {
  TRY(request(XS_MKDIR, terminated(path))
          .transform_error(base::doing("make xenstore node {}", path)));
  return {};
}

base::Result<> Xenstore::make_directory(const std::string &path, DomId owner, DomId reader) {
  const std::array permissions{Permission{.domid = owner, .access = Access::none},
                               Permission{.domid = reader, .access = Access::read}};
  TRY(make_directory(path));
  return set_permissions(path, permissions);
}

base::Result<> Xenstore::remove(const std::string &path) {
  auto done = request(XS_RM, terminated(path));
  if (!done && done.error().code() != ENOENT)
    return std::unexpected(
        std::move(done).error().in(base::format("remove xenstore node {}", path)));
  return {};
}

base::Result<> Xenstore::set_permissions(const std::string &path,
                                         std::span<const Permission> permissions) {
  std::string payload = terminated(path);
  for (const Permission &permission : permissions) {
    const auto *letter =
        std::ranges::find(access_letters, permission.access, &std::pair<Access, char>::first);
    payload.append(terminated(base::format("{}{}", letter->second, permission.domid)));
  }
  TRY(request(XS_SET_PERMS, payload)
          .transform_error(base::doing("set the permissions of xenstore node {}", path)));
  return {};
}

base::Result<> Xenstore::transaction(const std::function<base::Result<>()> &body) {
  for (int tries = 0; tries < most_tries; tries++) {
    std::string id = TRY(request(XS_TRANSACTION_START, terminated(""))
                             .transform_error(base::doing("start a xenstore transaction")));
    id.resize(std::min(id.find('\0'), id.size()));
    transaction_ = static_cast<uint32_t>(TRY(parse_number(id, UINT32_MAX)));
    base::Result<> done = body();
    auto ended = request(XS_TRANSACTION_END, terminated(done ? "T" : "F"));
    transaction_ = 0;
    if (!done || ended)
      return done;
    if (ended.error().code() != EAGAIN)
      return std::unexpected(std::move(ended).error().in("end a xenstore transaction"));
  }
  return std::unexpected(
      base::Error(base::format("a xenstore transaction met others {} times", most_tries), EAGAIN));
}

base::Result<> Xenstore::watch(const std::string &path, const std::string &token) {
  TRY(request(XS_WATCH, terminated(path).append(terminated(token)))
          .transform_error(base::doing("watch xenstore node {}", path)));
  return {};
}

base::Result<> Xenstore::unwatch(const std::string &path, const std::string &token) {
  TRY(request(XS_UNWATCH, terminated(path).append(terminated(token)))
          .transform_error(base::doing("stop watching xenstore node {}", path)));
  return {};
}

base::Result<std::vector<Xenstore::Event>> Xenstore::take_events() {
  std::vector<Event> taken;
  for (int i = 0; i < most_in_a_turn; i++) {
    auto event = TRY(next_event());
    if (!event)
      break;
    if (!std::ranges::contains(taken, event->token, &Event::token))
      taken.push_back(std::move(*event));
  }
  return taken;
}

base::Result<std::optional<Xenstore::Event>> Xenstore::next_event() {
  for (;;) {
    if (!events_.empty()) {
      Event event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    eventfd_t count = 0;
    ::eventfd_read(queued_.get(), &count);
    pollfd ready{.fd = connection_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 0) <= 0)
      return std::nullopt;
    Message message = TRY(receive(base::Deadline::after(answer_timeout)));
    std::vector<std::string> parts = split(message.body);
    if (message.type == XS_WATCH_EVENT && parts.size() >= 2)
      return Event{.path = std::move(parts[0]), .token = std::move(parts[1])};
  }
}

int Xenstore::fd() const { return either_.get(); }

base::Result<> Xenstore::set_target(DomId domid, DomId target) {
  std::string payload = terminated(base::format("{}", domid));
  payload.append(terminated(base::format("{}", target)));
  TRY(request(XS_SET_TARGET, payload)
          .transform_error(
              base::doing("make domain {} the target of domain {} in xenstore", target, domid)));
  return {};
}

base::Result<> Xenstore::resumed(DomId domid) {
  TRY(request(XS_RESUME, terminated(base::format("{}", domid)))
          .transform_error(base::doing("tell xenstored that domain {} runs again", domid)));
  return {};
}

std::string domain_path(DomId domid) { return base::format("/local/domain/{}", domid); }

} // namespace linstub::xen
