// SPDX-License-Identifier: MIT
#include "xen/shared_vchan.hpp"

#include "xen/xen_headers.hpp"
#include "xen/xenstore.hpp"

#include <xen/sys/gntdev.h>

#include <sys/ioctl.h>

#include <array>
#include <cstring>
#include <vector>

namespace linstub::xen {
namespace {

using base::Result;

static_assert(notify_request == IOCTL_EVTCHN_NOTIFY);

constexpr size_t page = 4096;
constexpr int page_order = 12;
// The orders of rings that lie in the control page, and where (libxenvchan's init.c).
constexpr int small_order = 10;
constexpr int large_order = 11;
constexpr int largest_order = 18;
static_assert(size_t{1} << largest_order == largest_ring);

constexpr size_t pages_of(int order) {
  return order < page_order ? 0 : size_t{1} << (order - page_order);
}

// A mapping of pages of another domain.
class Pages {
public:
  Pages() = default;
  static Result<Pages> map(const base::Fd &grants, uint64_t offset, size_t count, int protection) {
    void *address = ::mmap(nullptr, count * page, protection, MAP_SHARED, grants.get(),
                           static_cast<off_t>(offset));
    if (address == MAP_FAILED)
      return base::fail_errno(errno, "map {} pages of a vchan", count);
    return Pages(address, count * page);
  }
  Pages(Pages &&other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(other.size_) {}
  Pages &operator=(Pages &&other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  Pages(const Pages &) = delete;
  Pages &operator=(const Pages &) = delete;
  ~Pages() {
    if (address_ != nullptr)
      ::munmap(address_, size_);
  }
  [[nodiscard]] void *get() const { return address_; }

private:
  Pages(void *address, size_t size) : address_(address), size_(size) {}
  void *address_ = nullptr;
  size_t size_ = 0;
};

// Has the kernel prepare a mapping; its offset.
Result<uint64_t> prepare(const base::Fd &grants, DomId peer, std::span<const uint32_t> references) {
  constexpr size_t head = offsetof(ioctl_gntdev_map_grant_ref, refs);
  std::vector<uint64_t> room(
      (head + references.size() * sizeof(ioctl_gntdev_grant_ref)) / sizeof(uint64_t) + 1);
  auto *request = reinterpret_cast<ioctl_gntdev_map_grant_ref *>(room.data());
  request->count = static_cast<uint32_t>(references.size());
  for (size_t i = 0; i < references.size(); i++) {
    ioctl_gntdev_grant_ref one{.domid = number(peer), .ref = references[i]};
    std::memcpy(reinterpret_cast<std::byte *>(room.data()) + head + i * sizeof one, &one,
                sizeof one);
  }
  if (::ioctl(grants.get(), IOCTL_GNTDEV_MAP_GRANT_REF, request) != 0)
    return base::fail_errno(errno, "prepare to map {} pages of domain {}", references.size(), peer);
  return request->index;
}

struct Rings {
  int write_order = 0;
  int read_order = 0;
  std::vector<uint32_t> write; // grant references
  std::vector<uint32_t> read;
};

// What the control page says, read once: the peer may change it at any time.
Result<Rings> look_at(const base::Fd &grants, uint64_t control) {
  Pages mapped = TRY(Pages::map(grants, control, 1, PROT_READ | PROT_WRITE));
  std::array<std::byte, page> copy;
  std::memcpy(copy.data(), mapped.get(), copy.size());
  vchan_interface head{};
  std::memcpy(&head, copy.data(), sizeof head);
  Rings rings{
      .write_order = head.left_order, .read_order = head.right_order, .write = {}, .read = {}};
  for (int order : {rings.write_order, rings.read_order}) {
    if (order < small_order || order > largest_order)
      return base::fail("a ring has 2^{} bytes", order);
  }
  if (rings.write_order == rings.read_order && rings.write_order < page_order)
    return base::fail("its rings lie on one another");
  std::vector<uint32_t> references(pages_of(rings.write_order) + pages_of(rings.read_order));
  constexpr size_t list = offsetof(vchan_interface, grants);
  if (list + references.size() * sizeof(uint32_t) > copy.size())
    return base::fail("its rings are too large");
  if (!references.empty())
    std::memcpy(references.data(), copy.data() + list, references.size() * sizeof(uint32_t));
  auto middle = references.begin() + static_cast<ptrdiff_t>(pages_of(rings.write_order));
  rings.write.assign(references.begin(), middle);
  rings.read.assign(middle, references.end());
  return rings;
}

// The event channel, which can be bound to no other domain afterwards; its port in dom0.
Result<uint32_t> bind(const base::Fd &event, DomId peer, uint32_t remote_port) {
  ioctl_evtchn_restrict_domid restriction{.domid = static_cast<domid_t>(number(peer))};
  ioctl_evtchn_bind_interdomain request{.remote_domain = number(peer), .remote_port = remote_port};
  int port = ::ioctl(event.get(), IOCTL_EVTCHN_BIND_INTERDOMAIN, &request);
  if (port < 0 || ::ioctl(event.get(), IOCTL_EVTCHN_RESTRICT_DOMID, &restriction) != 0)
    return base::fail_errno(errno, "bind event channel {} of domain {}", remote_port, peer);
  return static_cast<uint32_t>(port);
}

// When the control page is unmapped, however that comes: the peer is told that we are gone.
Result<> tell_end(const base::Fd &grants, uint64_t control, uint32_t port) {
  ioctl_gntdev_unmap_notify request{.index = control + offsetof(vchan_interface, cli_live),
                                    .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
                                    .event_channel_port = port};
  if (::ioctl(grants.get(), IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &request) != 0)
    return base::fail_errno(errno, "prepare for the end of the vchan");
  return {};
}

Result<SharedVchan> offer(DomId peer, const std::string &path) {
  Xenstore xenstore = TRY(Xenstore::connect());
  const auto reference =
      static_cast<uint32_t>(TRY(xenstore.read_number(path + "/ring-ref", UINT32_MAX)));
  const auto remote =
      static_cast<uint32_t>(TRY(xenstore.read_number(path + "/event-channel", UINT32_MAX)));
  const std::array control{reference};
  Rings rings;
  {
    // A mapping can be made once: this one is for us.
    base::Fd ours = TRY(base::open_file("/dev/xen/gntdev", O_RDWR));
    const uint64_t place = TRY(prepare(ours, peer, control));
    rings = TRY(look_at(ours, place));
  }
  SharedVchan shared{.parts = {},
                     .grants = TRY(base::open_file("/dev/xen/gntdev", O_RDWR)),
                     .event = TRY(base::open_file("/dev/xen/evtchn", O_RDWR | O_NONBLOCK))};
  VchanParts &parts = shared.parts;
  parts.control = TRY(prepare(shared.grants, peer, control));
  parts.write_order = static_cast<uint16_t>(rings.write_order);
  parts.read_order = static_cast<uint16_t>(rings.read_order);
  if (!rings.write.empty())
    parts.write = TRY(prepare(shared.grants, peer, rings.write));
  if (!rings.read.empty())
    parts.read = TRY(prepare(shared.grants, peer, rings.read));
  parts.port = TRY(bind(shared.event, peer, remote));
  TRY(tell_end(shared.grants, parts.control, parts.port));
  return shared;
}

} // namespace

Result<SharedVchan> offer_vchan(DomId peer, const std::string &path) {
  return offer(peer, path)
      .transform_error(base::doing("connect to the vchan of domain {} at {}", peer, path));
}

namespace {

// libxenvchan's own functions work on it, but for the one that closes it: there is no handle of
// libxengnttab, which would open the device itself.
class AdoptedTransport final : public Transport {
public:
  static Result<std::unique_ptr<Transport>> make(SharedVchan shared) {
    auto adopted = std::make_unique<AdoptedTransport>();
    TRY(adopted->take(std::move(shared)));
    return std::unique_ptr<Transport>(std::move(adopted));
  }
  ~AdoptedTransport() override {
    if (channel_.event != nullptr)
      ::xenevtchn_close(channel_.event);
  }

  [[nodiscard]] int fd() const override { return ::xenevtchn_fd(channel_.event); }
  void acknowledge() override { ::libxenvchan_wait(&channel_); }
  bool accept() override { return false; } // for who serves
  void discard() override {}
  [[nodiscard]] Vchan::State state() const override {
    // The byte is only ever 1 while the server lives.
    return channel_.ring->srv_live == 1 ? Vchan::State::open : Vchan::State::closed;
  }
  Result<size_t> read(std::span<std::byte> bytes) override {
    return count(::libxenvchan_read(&channel_, bytes.data(), bytes.size()), "read from");
  }
  Result<size_t> write(std::span<const std::byte> bytes) override {
    return count(::libxenvchan_write(&channel_, bytes.data(), bytes.size()), "write to");
  }

private:
  static Result<size_t> count(int done, std::string_view what) {
    if (done < 0)
      return base::fail_errno(EPIPE, "{} the vchan", what);
    return static_cast<size_t>(done);
  }

  Result<> take(SharedVchan shared) {
    const VchanParts &parts = shared.parts;
    control_ = TRY(Pages::map(shared.grants, parts.control, 1, PROT_READ | PROT_WRITE));
    channel_.ring = static_cast<vchan_interface *>(control_.get());
    channel_.write.shr = &channel_.ring->left;
    channel_.read.shr = &channel_.ring->right;
    channel_.write.order = parts.write_order;
    channel_.read.order = parts.read_order;
    channel_.write.buffer = TRY(
        ring(shared.grants, parts.write_order, parts.write, PROT_READ | PROT_WRITE, write_pages_));
    channel_.read.buffer =
        TRY(ring(shared.grants, parts.read_order, parts.read, PROT_READ, read_pages_));
    channel_.event_port = parts.port;
    // It owns the descriptor from here on.
    channel_.event = ::xenevtchn_fdopen(nullptr, shared.event.get(), 0);
    if (channel_.event == nullptr)
      return base::fail_errno(errno, "take over the event channel of a vchan");
    [[maybe_unused]] int owned = shared.event.release();
    ::xenevtchn_unmask(channel_.event, channel_.event_port); // it was bound with an event pending
    channel_.ring->cli_live = 1;
    channel_.ring->srv_notify = VCHAN_NOTIFY_WRITE;
    ::xenevtchn_notify(channel_.event, channel_.event_port);
    return {};
  }

  Result<void *> ring(const base::Fd &grants, int order, uint64_t offset, int protection,
                      Pages &pages) {
    auto *page_start = static_cast<std::byte *>(control_.get());
    if (order == small_order || order == large_order)
      return page_start + (size_t{1} << order);
    pages = TRY(Pages::map(grants, offset, pages_of(order), protection));
    return pages.get();
  }

  Pages control_;
  Pages write_pages_;
  Pages read_pages_;
  libxenvchan channel_{};
};

} // namespace

Result<std::unique_ptr<Transport>> adopt_vchan(SharedVchan shared) {
  return AdoptedTransport::make(std::move(shared))
      .transform_error(base::doing("take over a vchan"));
}

} // namespace linstub::xen
