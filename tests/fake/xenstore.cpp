// SPDX-License-Identifier: MIT
#include "fake/xenstore.hpp"

#include "xen/xenstored.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

extern "C" {
#include <xen/io/xs_wire.h>
}

namespace linstub::fake {
namespace {

Xenstore *the_only = nullptr;

static_assert(static_cast<uint32_t>(Request::list) == XS_DIRECTORY);
static_assert(static_cast<uint32_t>(Request::read) == XS_READ);
static_assert(static_cast<uint32_t>(Request::get_permissions) == XS_GET_PERMS);
static_assert(static_cast<uint32_t>(Request::watch) == XS_WATCH);
static_assert(static_cast<uint32_t>(Request::unwatch) == XS_UNWATCH);
static_assert(static_cast<uint32_t>(Request::begin_transaction) == XS_TRANSACTION_START);
static_assert(static_cast<uint32_t>(Request::end_transaction) == XS_TRANSACTION_END);
static_assert(static_cast<uint32_t>(Request::write) == XS_WRITE);
static_assert(static_cast<uint32_t>(Request::make_directory) == XS_MKDIR);
static_assert(static_cast<uint32_t>(Request::remove) == XS_RM);
static_assert(static_cast<uint32_t>(Request::set_permissions) == XS_SET_PERMS);
static_assert(static_cast<uint32_t>(Request::resumed) == XS_RESUME);
static_assert(static_cast<uint32_t>(Request::set_target) == XS_SET_TARGET);

bool is_below(std::string_view path, std::string_view node) {
  return path.starts_with(node) && path.size() > node.size() && path[node.size()] == '/';
}

std::string parent(std::string_view path) {
  return std::string(path.substr(0, path.empty() ? 0 : path.rfind('/')));
}

std::vector<std::string> names_below(const auto &tree, const std::string &node) {
  std::vector<std::string> names;
  for (auto at = tree.upper_bound(node); at != tree.end(); ++at) {
    if (is_below(at->first, node) && at->first.find('/', node.size() + 1) == std::string::npos)
      names.push_back(at->first.substr(node.size() + 1));
  }
  return names;
}

const char *error_name(int code) {
  for (const auto &known : xsd_errors) {
    if (known.errnum == code)
      return known.errstring;
  }
  return "EINVAL";
}

bool receive(int fd, void *bytes, size_t size) {
  return size == 0 || ::recv(fd, bytes, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

} // namespace

Xenstore::Xenstore(xen::DomId clients)
    : clients_domid_(clients), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { serve(); }) {
  EXPECT_EQ(the_only, nullptr) << "one fake xenstored at a time";
  ::signal(SIGPIPE, SIG_IGN); // as in the programs: to write after hang_up() is an error
  the_only = this;
}

Xenstore::~Xenstore() {
  the_only = nullptr;
  {
    std::lock_guard lock(mutex_);
    over_ = true;
    ::eventfd_write(wake_.get(), 1);
  }
  thread_.join();
}

base::Result<base::Fd> Xenstore::connect() {
  std::array<int, 2> pair{-1, -1};
  if (the_only == nullptr || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return base::fail("there is no xenstored: the test has no fake::Xenstore");
  std::lock_guard lock(the_only->mutex_);
  the_only->clients_.push_back({.fd = base::Fd(pair[0]), .watches = {}, .transactions = {}});
  ::eventfd_write(the_only->wake_.get(), 1);
  return base::Fd(pair[1]);
}

// --- What the test does -------------------------------------------------------------------------

void Xenstore::write(const std::string &path, std::string_view value) {
  std::lock_guard lock(mutex_);
  put(tree_, absolute(path), value);
  changed(absolute(path), false);
}

void Xenstore::remove(const std::string &path) {
  std::lock_guard lock(mutex_);
  std::erase_if(tree_,
                [&](auto &node) { return node.first == path || is_below(node.first, path); });
  changed(path, true);
}

std::optional<std::string> Xenstore::read(const std::string &path) {
  std::lock_guard lock(mutex_);
  auto node = tree_.find(absolute(path));
  return node == tree_.end() ? std::nullopt : std::optional(node->second.value);
}

std::vector<std::string> Xenstore::list(const std::string &path) {
  std::lock_guard lock(mutex_);
  return names_below(tree_, path);
}

std::string Xenstore::permissions(const std::string &path) {
  std::lock_guard lock(mutex_);
  auto node = tree_.find(path);
  return node == tree_.end() ? std::string() : node->second.permissions;
}

void Xenstore::fire(const std::string &special) {
  std::lock_guard lock(mutex_);
  changed(special, false);
}

void Xenstore::fail(Request request, const std::string &path, int code) {
  std::lock_guard lock(mutex_);
  failures_.push_back({.request = request, .path = path, .code = code});
}

void Xenstore::before_end_of_transaction(std::function<void()> call) {
  std::lock_guard lock(mutex_);
  before_end_ = std::move(call);
}

size_t Xenstore::watches() {
  std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const Client &client : clients_)
    count += client.watches.size();
  return count;
}

std::vector<std::pair<unsigned, unsigned>> Xenstore::targets() {
  std::lock_guard lock(mutex_);
  return targets_;
}

std::vector<unsigned> Xenstore::resumed() {
  std::lock_guard lock(mutex_);
  return resumed_;
}

unsigned Xenstore::count(Request request) {
  std::lock_guard lock(mutex_);
  return counts_[request];
}

void Xenstore::hang_up() {
  std::lock_guard lock(mutex_);
  for (Client &client : clients_)
    ::shutdown(client.fd.get(), SHUT_RDWR);
}

// --- What the thread does -----------------------------------------------------------------------

void Xenstore::serve() {
  for (;;) {
    std::vector<pollfd> waits{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    {
      std::lock_guard lock(mutex_);
      for (const Client &client : clients_)
        waits.push_back({.fd = client.fd.get(), .events = POLLIN, .revents = 0});
    }
    if (::poll(waits.data(), waits.size(), -1) < 0)
      continue;
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
    std::unique_lock lock(mutex_);
    if (over_)
      return;
    for (const pollfd &wait : waits) {
      auto client = std::ranges::find_if(
          clients_, [&](const Client &one) { return one.fd.get() == wait.fd; });
      if (wait.revents == 0 || client == clients_.end())
        continue;
      if (before_end_ && wait.revents == POLLIN) {
        xsd_sockmsg header{};
        bool ends = ::recv(wait.fd, &header, sizeof header, MSG_PEEK) == sizeof header &&
                    header.type == XS_TRANSACTION_END;
        if (ends) {
          auto call = std::exchange(before_end_, {});
          lock.unlock();
          call();
          lock.lock();
        }
      }
      if (!serve_one(*client))
        clients_.erase(client);
    }
  }
}

bool Xenstore::serve_one(Client &client) {
  xsd_sockmsg header{};
  std::string body;
  if (!receive(client.fd.get(), &header, sizeof header) || header.len > XENSTORE_PAYLOAD_MAX)
    return false;
  body.resize(header.len);
  if (!receive(client.fd.get(), body.data(), body.size()))
    return false;
  handle(client, header.type, header.req_id, header.tx_id, body);
  return true;
}

bool Xenstore::send(Client &client, uint32_t type, uint32_t id, uint32_t transaction,
                    std::string_view body) {
  xsd_sockmsg header{
      .type = type, .req_id = id, .tx_id = transaction, .len = static_cast<uint32_t>(body.size())};
  std::string bytes(reinterpret_cast<const char *>(&header), sizeof header);
  bytes.append(body);
  return ::send(client.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(bytes.size());
}

void Xenstore::handle(Client &client, uint32_t type, uint32_t id, uint32_t transaction,
                      std::string_view body) {
  auto request = static_cast<Request>(type);
  counts_[request]++;
  std::vector<std::string> words;
  std::string_view rest = body;
  while (rest.contains('\0') && (request != Request::write || words.empty())) {
    words.emplace_back(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(words.back().size() + 1);
  }
  Answer answer;
  auto failure = std::ranges::find_if(failures_, [&](const Failure &one) {
    return one.request == request && (one.path.empty() || (!words.empty() && one.path == words[0]));
  });
  auto ours = client.transactions.find(transaction);
  if (failure != failures_.end()) {
    answer.error = failure->code;
    failures_.erase(failure);
  } else if (transaction != 0 && ours == client.transactions.end()) {
    answer.error = ENOENT;
  } else if (request == Request::end_transaction) {
    answer = end(client, transaction, !words.empty() && words[0] == "T");
  } else {
    answer = perform(client, request, transaction == 0 ? nullptr : &ours->second, std::move(words),
                     rest);
  }
  if (answer.error != 0) {
    answer.body = error_name(answer.error);
    answer.body.push_back('\0');
    type = XS_ERROR;
  }
  send(client, type, id, transaction, answer.body);
}

Xenstore::Answer Xenstore::perform(Client &client, Request request, Transaction *transaction,
                                   std::vector<std::string> words, std::string_view value) {
  const std::string ok("OK\0", 3);
  Tree &tree = transaction != nullptr ? transaction->tree : tree_;
  std::string path = words.empty() ? std::string() : absolute(words[0]);
  auto node = tree.find(path);
  auto change = [&](bool removed) {
    if (transaction == nullptr)
      return changed(path, removed);
    (removed ? transaction->removed : transaction->changed).push_back(path);
  };
  if (words.empty() || words[0].ends_with('/') || words[0].contains("//"))
    return {.error = EINVAL};
  switch (request) {
  case Request::list:
  case Request::read:
  case Request::get_permissions:
  case Request::set_permissions:
    if (node == tree.end())
      return {.error = ENOENT};
    break;
  default:
    break;
  }
  switch (request) {
  case Request::read:
    return {.body = node->second.value};
  case Request::list: {
    std::string names;
    for (const std::string &name : names_below(tree, path))
      names.append(name).push_back('\0');
    return {.body = names};
  }
  case Request::get_permissions: {
    std::string text = node->second.permissions;
    std::ranges::replace(text, ' ', '\0');
    return {.body = text.append(1, '\0')};
  }
  case Request::set_permissions:
    words.erase(words.begin());
    node->second.permissions = base::join(words, " ");
    change(false);
    return {.body = ok};
  case Request::write:
  case Request::make_directory:
    if (request == Request::make_directory && node != tree.end())
      return {.body = ok};
    put(tree, path, value);
    change(false);
    return {.body = ok};
  case Request::remove:
    if (node == tree.end())
      return tree.contains(parent(path)) ? Answer{.body = ok} : Answer{.error = ENOENT};
    std::erase_if(tree, [&](auto &one) { return one.first == path || is_below(one.first, path); });
    change(true);
    return {.body = ok};
  case Request::watch: {
    if (words.size() < 2)
      return {.error = EINVAL};
    Watch watch{.path = words[0], .token = words[1]};
    bool known = std::ranges::any_of(client.watches, [&](const Watch &one) {
      return one.path == watch.path && one.token == watch.token;
    });
    if (known)
      return {.error = EEXIST};
    client.watches.push_back(watch);
    send_event(client, watch, watch.path);
    return {.body = ok};
  }
  case Request::unwatch: {
    size_t ended = std::erase_if(client.watches, [&](const Watch &one) {
      return words.size() >= 2 && one.path == words[0] && one.token == words[1];
    });
    return ended != 0 ? Answer{.body = ok} : Answer{.error = ENOENT};
  }
  case Request::begin_transaction: {
    uint32_t id = ++last_transaction_;
    client.transactions[id] = {.tree = tree_, .begun_at = changes_, .changed = {}, .removed = {}};
    return {.body = std::to_string(id).append(1, '\0')};
  }
  case Request::set_target:
    if (words.size() < 2)
      return {.error = EINVAL};
    targets_.emplace_back(std::stoul(words[0]), std::stoul(words[1]));
    return {.body = ok};
  case Request::resumed:
    resumed_.push_back(static_cast<unsigned>(std::stoul(words[0])));
    return {.body = ok};
  case Request::end_transaction:
    break;
  }
  return {.error = ENOSYS};
}

Xenstore::Answer Xenstore::end(Client &client, uint32_t transaction, bool commit) {
  Transaction ended = std::move(client.transactions.at(transaction));
  client.transactions.erase(transaction);
  if (commit && ended.begun_at != changes_ && !(ended.changed.empty() && ended.removed.empty()))
    return {.error = EAGAIN};
  if (commit) {
    tree_ = std::move(ended.tree);
    for (const std::string &path : ended.removed)
      changed(path, true);
    for (const std::string &path : ended.changed)
      changed(path, false);
  }
  return {.body = std::string("OK\0", 3)};
}

// Makes the nodes above as needed, with the permissions of the one that is there.
void Xenstore::put(Tree &tree, const std::string &path, std::string_view value) {
  auto node = tree.find(path);
  if (node == tree.end()) {
    std::string above = parent(path);
    if (!tree.contains(above))
      put(tree, above, {});
    node = tree.emplace(path, Node{.value = {}, .permissions = tree.at(above).permissions}).first;
  }
  node->second.value = value;
}

std::string Xenstore::absolute(const std::string &path) const {
  if (path == "/")
    return {};
  if (path.starts_with('/') || path.starts_with('@'))
    return path;
  return base::format("/local/domain/{}/{}", clients_domid_, path);
}

// A watch is told of the node and of all below it; and of a node above it that is removed.
void Xenstore::changed(const std::string &path, bool removed) {
  changes_++;
  for (Client &client : clients_) {
    for (const Watch &watch : client.watches) {
      std::string watched = absolute(watch.path);
      if (path == watched || is_below(path, watched))
        send_event(client, watch, watch.path + path.substr(watched.size()));
      else if (removed && is_below(watched, path))
        send_event(client, watch, watch.path);
    }
  }
}

void Xenstore::send_event(Client &client, const Watch &watch, std::string path) {
  path.append(1, '\0').append(watch.token).append(1, '\0');
  EXPECT_TRUE(send(client, XS_WATCH_EVENT, 0, 0, path)) << "the client does not read its events";
}

} // namespace linstub::fake

// In place of that of src/xen/xenstored.cpp.
linstub::base::Result<linstub::base::Fd> linstub::xen::connect_xenstored() {
  return fake::Xenstore::connect();
}
