// SPDX-License-Identifier: MIT
#include "xen/vchan.hpp"

#include "xen/xen_headers.hpp"

#include <algorithm>
#include <climits>

namespace linstub::xen {
namespace {

// libxenvchan puts "<path>/event-channel" into 64 bytes, and cuts what does not fit.
constexpr size_t longest_path = 64 - sizeof "/event-channel";

// What stands in the byte cli_live of the shared page (xen/io/libxenvchan.h). A client writes 1
// when it comes and 0 when it goes, and never reads it, so the server can leave a mark there: a 1
// where the mark was is another client.
constexpr int no_client_yet = 2;
constexpr uint8_t client_came = 1;
constexpr uint8_t client_accepted = 3;

base::Result<> check_path(const std::string &path) {
  if (path.size() > longest_path)
    return base::fail("vchan at {}: the path is longer than the {} bytes that libxenvchan takes",
                      path, longest_path);
  return {};
}

// libxenvchan counts in int.
size_t in_range(size_t size) { return std::min<size_t>(size, INT_MAX); }

} // namespace

void Vchan::Close::operator()(libxenvchan *channel) const { ::libxenvchan_close(channel); }

base::Result<> Vchan::prepare(const std::string &path) {
  channel_->blocking = 0;
  int flags = ::fcntl(fd(), F_GETFL);
  if (flags < 0 || ::fcntl(fd(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd(), F_SETFD, FD_CLOEXEC) != 0)
    return base::fail_errno(errno, "vchan at {}: make its event channel non-blocking", path);
  return {};
}

base::Result<Vchan> Vchan::serve(DomId peer, const std::string &path, Sizes sizes) {
  TRY(check_path(path));
  libxenvchan *channel =
      ::libxenvchan_server_init(nullptr, number(peer), path.c_str(), sizes.to_us, sizes.to_peer);
  if (channel == nullptr)
    return base::fail_errno(errno, "serve a vchan for domain {} at {}", peer, path);
  Vchan vchan(channel);
  TRY(vchan.prepare(path));
  return vchan;
}

Vchan::State Vchan::state() const {
  int live = ::libxenvchan_is_open(channel_.get());
  if (live == 0)
    return State::closed;
  if (live == no_client_yet)
    return State::waiting;
  return State::open;
}

bool Vchan::accept() {
  uint8_t expected = client_came;
  return __atomic_compare_exchange_n(&channel_->ring->cli_live, &expected, client_accepted, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void Vchan::discard() {
  if (state() == State::open)
    return;
  channel_->read.shr->cons = channel_->read.shr->prod;
  channel_->write.shr->prod = channel_->write.shr->cons;
}

int Vchan::fd() const { return ::libxenvchan_fd_for_select(channel_.get()); }

void Vchan::acknowledge() {
  ::libxenvchan_wait(channel_.get()); // fails when there was no event, which is fine
}

base::Result<size_t> Vchan::read(std::span<std::byte> bytes) {
  if (bytes.empty())
    return size_t{0};
  int got = ::libxenvchan_read(channel_.get(), bytes.data(), in_range(bytes.size()));
  if (got < 0)
    return base::fail_errno(EPIPE, "read from the vchan");
  return static_cast<size_t>(got);
}

base::Result<size_t> Vchan::write(std::span<const std::byte> bytes) {
  if (bytes.empty())
    return size_t{0};
  int put = ::libxenvchan_write(channel_.get(), bytes.data(), in_range(bytes.size()));
  if (put < 0)
    return base::fail_errno(EPIPE, "write to the vchan");
  return static_cast<size_t>(put);
}

} // namespace linstub::xen
