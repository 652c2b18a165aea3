// SPDX-License-Identifier: MIT
// A xenstored of the test's own. As long as one lives, every xen::Xenstore::connect() of the
// process reaches it: it speaks the real protocol over a socket, from a thread, so that the real
// client is tested and its descriptor can be polled. The test is dom0 and acts on the tree
// directly:
//
//     fake::Xenstore store;
//     store.write("/local/domain/5/name", "guest-dm");
//     auto client = xen::Xenstore::connect().value();
//     store.fail(fake::Request::write, "/local/domain/5/state", EACCES);
//
// What differs from a real one: nobody is refused for lack of permission, there are no quotas, and
// a transaction fails with EAGAIN if anything at all was changed since it began. The events that a
// client's own request causes are sent before the answer to it, as Linux's xenbus may.
#pragma once

#include "base/fd.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace linstub::fake {

enum class Request : uint32_t { // as in xen/io/xs_wire.h
  list = 1,
  read = 2,
  get_permissions = 3,
  watch = 4,
  unwatch = 5,
  begin_transaction = 6,
  end_transaction = 7,
  write = 11,
  make_directory = 12,
  remove = 13,
  set_permissions = 14,
  resumed = 18,
  set_target = 19,
};

class Xenstore {
public:
  // The domain that clients are of: what relative paths are relative to.
  explicit Xenstore(xen::DomId clients = xen::dom0);
  ~Xenstore();
  Xenstore(const Xenstore &) = delete;
  Xenstore &operator=(const Xenstore &) = delete;

  void write(const std::string &path, std::string_view value);
  void remove(const std::string &path);
  std::optional<std::string> read(const std::string &path);
  std::vector<std::string> list(const std::string &path);
  std::string permissions(const std::string &path); // "n0 r5"; empty if there is no such node

  // "@introduceDomain" and "@releaseDomain".
  void fire(const std::string &special);

  // The next such request fails with this errno. `path` is as the client writes it; empty for the
  // requests that have none, and for any path. Several are used up in order.
  void fail(Request request, const std::string &path, int code);

  // Called, from the thread, before a transaction is ended: what another one does meanwhile.
  void before_end_of_transaction(std::function<void()> call);

  // How many watches all clients have now.
  size_t watches();

  // Pairs that set_target was asked for, and domains that were said to have resumed.
  std::vector<std::pair<unsigned, unsigned>> targets();
  std::vector<unsigned> resumed();

  // How many requests of a kind have come.
  unsigned count(Request request);

  // Closes all connections.
  void hang_up();

  // For what stands in place of xen::connect_xenstored().
  static base::Result<base::Fd> connect();

private:
  struct Node {
    std::string value;
    std::string permissions = "n0";
    bool operator==(const Node &) const = default;
  };
  using Tree = std::map<std::string, Node>; // by absolute path; the root is ""
  struct Transaction {
    Tree tree;
    uint64_t begun_at = 0; // changes_
    std::vector<std::string> changed;
    std::vector<std::string> removed;
  };
  struct Watch {
    std::string path; // as the client gave it
    std::string token;
  };
  struct Client {
    base::Fd fd;
    std::vector<Watch> watches;
    std::map<uint32_t, Transaction> transactions;
  };
  struct Failure {
    Request request{};
    std::string path;
    int code = 0;
  };
  struct Answer {
    std::string body;
    int error = 0;
  };

  void serve();
  bool serve_one(Client &client);
  void handle(Client &client, uint32_t type, uint32_t id, uint32_t transaction,
              std::string_view body);
  Answer perform(Client &client, Request request, Transaction *transaction,
                 std::vector<std::string> words, std::string_view value);
  Answer end(Client &client, uint32_t transaction, bool commit);
  void put(Tree &tree, const std::string &path, std::string_view value);
  std::string absolute(const std::string &path) const;
  void changed(const std::string &path, bool removed);
  void send_event(Client &client, const Watch &watch, std::string path);
  static bool send(Client &client, uint32_t type, uint32_t id, uint32_t transaction,
                   std::string_view body);

  std::mutex mutex_;
  xen::DomId clients_domid_;
  Tree tree_{{"", {}}};
  uint64_t changes_ = 0;
  uint32_t last_transaction_ = 0;
  std::list<Client> clients_;
  std::vector<Failure> failures_;
  std::map<Request, unsigned> counts_;
  std::function<void()> before_end_;
  std::vector<std::pair<unsigned, unsigned>> targets_;
  std::vector<unsigned> resumed_;
  base::Fd wake_;
  bool over_ = false;
  std::thread thread_;
};

} // namespace linstub::fake
