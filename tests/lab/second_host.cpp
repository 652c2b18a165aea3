// SPDX-License-Identifier: MIT
#include "second_host.hpp"

#include "base/fd.hpp"
#include "base/log.hpp"

namespace linstub::lab {

using std::chrono::seconds;

namespace {

constexpr auto setup_limit = seconds(120);

// They have been made from the same disk, so the second one's bridge and dom0 get other addresses,
// and it gives none to guests. The guests' networks of both become one: a tunnel, in frames,
// between their bridges. It is packed: most of a guest's memory is zeros, and an emulated CPU takes
// minutes to encrypt them.
constexpr const char *become_the_second =
    "systemctl stop systemd-networkd.socket systemd-networkd && "
    "ip address del {}/24 dev xenbr0 && ip link set xenbr0 address 00:16:3e:ff:ff:02 && "
    "ip address add {}/24 dev xenbr0 && "
    "echo 'PermitTunnel yes' > /etc/ssh/sshd_config.d/tunnel.conf && systemctl reload ssh";
constexpr const char *join_bridges =
    "ssh -f {} -p {} -o Compression=yes -o Tunnel=ethernet -w 9:9 {} "
    "'ip link set tap9 master xenbr0 up && sleep 7200' >/dev/null 2>&1 </dev/null; "
    "ip link set tap9 master xenbr0 up; "
    "for i in $(seq 30); do ping -c 1 -W 2 {} >/dev/null && exit 0; done; exit 1";

} // namespace

std::string SecondHost::ssh_options() {
  return base::format("-i {} -o BatchMode=yes -o StrictHostKeyChecking=no -o "
                      "UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
                      key);
}

base::Result<SecondHost> SecondHost::join() {
  const Host &first = stage().host();
  SecondHost second(TRY(stage().another()), ::testing::TempDir() + "lab-hosts.img");
  auto set_up = [&]() -> base::Result<> {
    TRY(first.get("/lab/tiny.img", second.image_, setup_limit));
    TRY(first.check(
        base::format("rm -f {}* && ssh-keygen -q -t ed25519 -N '' -C lab-hosts -f {}", key, key),
        setup_limit));
    TRY(second.give_disk().transform_error(base::doing("give both hosts a disk")));
    return second.join_networks().transform_error(base::doing("join the hosts' networks"));
  };
  if (auto done = set_up(); !done) {
    base::log_failure(second.leave()); // what is returned is the cause
    return std::unexpected(std::move(done).error());
  }
  return second;
}

base::Result<> SecondHost::give_disk() {
  const Host &first = stage().host();
  const uint16_t port = TRY(free_port());
  server_ = TRY(base::start(
      {.argv = {"qemu-nbd", "--persistent", "--shared=4", "--format=raw", "--bind=127.0.0.1",
                base::format("--port={}", std::to_string(port)), image_.string()},
       .environment = std::nullopt}));
  const std::string secret = TRY(first.check(base::format("cat {}", key), setup_limit));
  const std::string open = TRY(first.check(base::format("cat {}.pub", key), setup_limit));
  for (const Host *one : {&first, &host()}) {
    TRY(one->check(base::format("umask 077; cat > {}", key), setup_limit, secret));
    TRY(one->check(base::format("echo {} >> /root/.ssh/authorized_keys && modprobe nbd && "
                                "nbd-client {} {} {} -persist",
                                quote(std::string(base::without_end_of_line(open))), outside,
                                std::to_string(port), disk),
                   setup_limit));
  }
  return {};
}

base::Result<> SecondHost::join_networks() {
  TRY(host().check(base::format(become_the_second, first_address, second_address), setup_limit));
  TRY(stage().host().check(base::format(join_bridges, ssh_options(),
                                        std::to_string(host().address().port), outside,
                                        second_address),
                           setup_limit));
  return {};
}

base::Result<> SecondHost::leave() {
  TRY(stage_.down());
  server_ = {};
  std::error_code error;
  std::filesystem::remove(image_, error);
  return error ? base::fail("remove {}: {}", image_.string(), error.message()) : base::Result<>();
}

} // namespace linstub::lab
