// SPDX-License-Identifier: MIT
#include "stub/state_streams.hpp"

#include "base/log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace linstub::stub {
namespace {

using base::Deadline;
using base::Milliseconds;

constexpr Milliseconds disk_timeout{8'000};
constexpr Milliseconds request_timeout{8'000};
constexpr Milliseconds between_looks{10};
constexpr int pipe_size = 256 << 10;

} // namespace

std::unique_ptr<StateSave> StateSave::start(base::EventLoop &loop, Places places, Events events) {
  std::unique_ptr<StateSave> save(new StateSave(loop, std::move(places), std::move(events)));
  // Not from here: the caller has not got the object yet.
  Deadline deadline = Deadline::after(disk_timeout);
  save->timer_ = loop.soon([raw = save.get(), deadline] { raw->open_disk(deadline); });
  return save;
}

StateSave::~StateSave() {
  if (pipe_)
    ::unlink(places_.pipe.c_str());
}

void StateSave::open_disk(Deadline deadline) {
  const std::string disk = places_.disk();
  auto writer = disk.empty()
                    ? std::unexpected(base::Error("dom0 has plugged no state disk", ENOENT))
                    : StateWriter::open(disk);
  // The node comes a moment before the disk can be used.
  bool not_yet = !writer && (writer.error().code() == ENOENT || writer.error().code() == ENXIO);
  if (not_yet && !deadline.passed()) {
    timer_ = loop_.at(Deadline::after(between_looks), [this, deadline] { open_disk(deadline); });
    return;
  }
  if (!writer)
    return end(std::unexpected(std::move(writer).error()));
  writer_.emplace(std::move(*writer));
  if (auto opened = open_pipe(); !opened)
    return end(opened);
  events_.ready();
}

base::Result<> StateSave::open_pipe() {
  const char *path = places_.pipe.c_str();
  ::unlink(path);
  if (::mkfifo(path, 0600) != 0 || ::chmod(path, 0622) != 0)
    return base::fail_errno(errno, "make the pipe {}", places_.pipe);
  pipe_ = TRY(base::open_file(places_.pipe, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  // A usual state fits: QEMU need not wait for each part to be read.
  if (::fcntl(pipe_.get(), F_SETPIPE_SZ, pipe_size) < 0)
    return base::fail_errno(errno, "enlarge the pipe {}", places_.pipe);
  watch_ = TRY(loop_.watch(pipe_.get(), EPOLLIN, [this](uint32_t) { receive(); }));
  return {};
}

void StateSave::receive() {
  std::array<std::byte, size_t{64} << 10> buffer;
  ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got < 0)
    return end(base::fail_errno(errno, "read QEMU's state"));
  Deadline deadline = Deadline::after(request_timeout);
  if (got > 0) {
    auto appended = writer_->append(std::span(buffer).first(static_cast<size_t>(got)), deadline);
    return appended ? void() : end(appended);
  }
  auto record = writer_->commit(deadline);
  if (!record)
    return end(std::unexpected(std::move(record).error()));
  base::log_info("QEMU's state is on the state disk: {} bytes", record->length);
  end({});
}

void StateSave::end(const base::Result<> &result) {
  watch_.reset();
  timer_.reset();
  writer_.reset(); // the disk can be detached now
  auto ended = std::move(events_.ended);
  ended(result);
}

base::Result<std::unique_ptr<StateFeed>>
StateFeed::start(base::EventLoop &loop, const std::string &disk, base::Fd pipe, Deadline deadline,
                 std::function<void(const base::Result<> &end)> ended) {
  StateReader reader = TRY(StateReader::open(disk, deadline));
  TRY(base::set_nonblocking(pipe));
  base::log_info("QEMU gets a state of {} bytes", reader.length());
  std::unique_ptr<StateFeed> feed(
      new StateFeed(std::move(reader), std::move(pipe), std::move(ended)));
  feed->watch_ =
      TRY(loop.watch(feed->pipe_.get(), EPOLLOUT, [raw = feed.get()](uint32_t) { raw->send(); }));
  return feed;
}

void StateFeed::send() {
  if (pending_.empty()) {
    auto next = reader_.next(Deadline::after(request_timeout));
    if (!next)
      return end(std::unexpected(std::move(next).error()));
    pending_ = *next;
  }
  if (pending_.empty())
    return end({});
  ssize_t put = ::write(pipe_.get(), pending_.data(), pending_.size());
  if (put < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (put < 0)
    return end({});
  pending_ = pending_.subspan(static_cast<size_t>(put));
}

void StateFeed::end(const base::Result<> &result) {
  watch_.reset();
  pipe_.reset(); // QEMU reads one byte more than there are, and must find the end
  auto ended = std::move(ended_);
  ended(result);
}

} // namespace linstub::stub
