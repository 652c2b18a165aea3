#include "xen/xenstore.hpp"

#include "xen/xen_headers.hpp"

#include <poll.h>

#include <array>
#include <utility>

namespace linstub::xen {
namespace {

struct Free {
  void operator()(void *memory) const { ::free(memory); }
};
template <class T>
using Malloced = std::unique_ptr<T, Free>;

constexpr std::array<std::pair<Access, int>, 4> access_values{{
    {Access::none, XS_PERM_NONE},
    {Access::read, XS_PERM_READ},
    {Access::write, XS_PERM_WRITE},
    {Access::both, XS_PERM_READ | XS_PERM_WRITE},
}};

unsigned int length(std::string_view text) { return static_cast<unsigned int>(text.size()); }

} // namespace

void Xenstore::Close::operator()(xs_handle *handle) const { ::xs_close(handle); }

base::Result<Xenstore> Xenstore::connect() {
  xs_handle *handle = ::xs_open(0);
  if (handle == nullptr)
    return base::fail_errno(errno, "connect to xenstore");
  return Xenstore(handle);
}

base::Result<std::string> Xenstore::read(const std::string &path, size_t limit) {
  unsigned int size = 0;
  Malloced<char> value(
      static_cast<char *>(::xs_read(handle_.get(), transaction_, path.c_str(), &size)));
  if (!value)
    return base::fail_errno(errno, "read xenstore node {}", path);
  if (size > limit)
    return std::unexpected(
        base::Error(base::format("read xenstore node {}: its {} bytes are more than the {} allowed",
                                path, size, limit),
                    EMSGSIZE));
  return std::string(value.get(), size);
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
  unsigned int count = 0;
  Malloced<char *> names(::xs_directory(handle_.get(), transaction_, path.c_str(), &count));
  if (!names)
    return base::fail_errno(errno, "list xenstore node {}", path);
  if (count > limit)
    return std::unexpected(base::Error(
        base::format("list xenstore node {}: its {} children are more than the {} allowed", path,
                    count, limit),
        EMSGSIZE));
  std::span<char *> all(names.get(), count);
  return std::vector<std::string>(all.begin(), all.end());
}

base::Result<> Xenstore::write(const std::string &path, std::string_view value) {
  if (!::xs_write(handle_.get(), transaction_, path.c_str(), value.data(), length(value)))
    return base::fail_errno(errno, "write xenstore node {}", path);
  return {};
}

base::Result<> Xenstore::make_directory(const std::string &path) {
  if (!::xs_mkdir(handle_.get(), transaction_, path.c_str()))
    return base::fail_errno(errno, "make xenstore node {}", path);
  return {};
}

base::Result<> Xenstore::remove(const std::string &path) {
  if (!::xs_rm(handle_.get(), transaction_, path.c_str()) && errno != ENOENT)
    return base::fail_errno(errno, "remove xenstore node {}", path);
  return {};
}

base::Result<> Xenstore::set_permissions(const std::string &path,
                                         std::span<const Permission> permissions) {
  std::vector<xs_permissions> values;
  for (const Permission &permission : permissions) {
    xs_permissions value{};
    value.id = number(permission.domid);
    for (const auto &[access, perms] : access_values) {
      if (access == permission.access)
        value.perms = static_cast<decltype(value.perms)>(perms);
    }
    values.push_back(value);
  }
  if (!::xs_set_permissions(handle_.get(), transaction_, path.c_str(), values.data(),
                            static_cast<unsigned int>(values.size())))
    return base::fail_errno(errno, "set the permissions of xenstore node {}", path);
  return {};
}

base::Result<std::vector<Permission>> Xenstore::permissions(const std::string &path) {
  unsigned int count = 0;
  Malloced<xs_permissions> found(
      ::xs_get_permissions(handle_.get(), transaction_, path.c_str(), &count));
  if (!found)
    return base::fail_errno(errno, "read the permissions of xenstore node {}", path);
  std::vector<Permission> result;
  for (const xs_permissions &value : std::span(found.get(), count)) {
    Permission permission{.domid = DomId{static_cast<uint16_t>(value.id)}};
    for (const auto &[access, perms] : access_values) {
      if (static_cast<int>(value.perms) == perms)
        permission.access = access;
    }
    result.push_back(permission);
  }
  return result;
}

base::Result<> Xenstore::transaction(const std::function<base::Result<>()> &body) {
  for (int tries = 0; tries < most_tries; tries++) {
    transaction_ = ::xs_transaction_start(handle_.get());
    if (transaction_ == XBT_NULL)
      return base::fail_errno(errno, "start a xenstore transaction");
    base::Result<> done = body();
    bool ended = ::xs_transaction_end(handle_.get(), std::exchange(transaction_, XBT_NULL),
                                      !done.has_value());
    int error = errno;
    if (!done || ended)
      return done;
    if (error != EAGAIN)
      return base::fail_errno(error, "end a xenstore transaction");
  }
  return std::unexpected(
      base::Error(base::format("a xenstore transaction met others {} times", most_tries), EAGAIN));
}

base::Result<> Xenstore::watch(const std::string &path, const std::string &token) {
  if (!watches_)
    watches_ = TRY(Watches::connect());
  return watches_->add(path, token);
}

base::Result<> Xenstore::unwatch(const std::string &path, const std::string &token) {
  return watches_ ? watches_->remove(path, token) : base::Result<>();
}

base::Result<std::optional<Xenstore::Event>> Xenstore::next_event() {
  if (!watches_)
    return std::nullopt;
  return watches_->next();
}

int Xenstore::fd() const { return watches_ ? watches_->fd() : -1; }

base::Result<bool> Xenstore::wait_for(const std::string &path, base::Deadline deadline,
                                      const std::function<base::Result<bool>()> &done) {
  Xenstore events = TRY(connect());
  TRY(events.watch(path, "wait"));
  for (;;) {
    while (TRY(events.next_event())) {
    }
    if (TRY(done()))
      return true;
    if (deadline.passed())
      return false;
    pollfd ready{.fd = events.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(deadline.left().count())) < 0 && errno != EINTR)
      return base::fail_errno(errno, "wait for a change of xenstore node {}", path);
  }
}

base::Result<> Xenstore::set_target(DomId domid, DomId target) {
  if (!::xs_set_target(handle_.get(), number(domid), number(target)))
    return base::fail_errno(errno, "make domain {} the target of domain {} in xenstore", target,
                            domid);
  return {};
}

std::string domain_path(DomId domid) { return base::format("/local/domain/{}", domid); }

} // namespace linstub::xen
