// SPDX-License-Identifier: MIT
// A guest at work between two hosts: two emulators, whose dom0s share a network, and a disk that
// this machine gives to both.
#include "base/fd.hpp"
#include "busy_guest.hpp"

#include <filesystem>

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto migrate_limit = seconds(500);
constexpr auto setup_limit = seconds(120);

// Where a dom0 finds the machine that its emulator runs on.
constexpr const char *outside = "10.0.2.2";

// The guests' network of both hosts is one: a tunnel, in frames, between their bridges. They have
// been made from the same disk, so the second one's bridge and dom0 get other addresses, and it
// gives none to guests.
constexpr const char *join_network =
    "systemctl stop systemd-networkd.socket systemd-networkd && "
    "ip address del 10.77.0.1/24 dev xenbr0 && ip link set xenbr0 address 00:16:3e:ff:ff:02 && "
    "ip address add 10.77.0.2/24 dev xenbr0 && "
    "echo 'PermitTunnel yes' > /etc/ssh/sshd_config.d/tunnel.conf && systemctl reload ssh";

constexpr const char *ssh_options =
    "-i /root/.ssh/lab-hosts -o BatchMode=yes -o StrictHostKeyChecking=no -o "
    "UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

// An image of this machine as a network block device, for as long as it lives.
class NetworkDisk {
public:
  static base::Result<NetworkDisk> serve(const std::filesystem::path &image) {
    const uint16_t port = TRY(free_port());
    auto server = TRY(base::start(
        {.argv = {"qemu-nbd", "--persistent", "--shared=4", "--format=raw", "--bind=127.0.0.1",
                  base::format("--port={}", std::to_string(port)), image.string()},
         .environment = std::nullopt}));
    return NetworkDisk(port, std::move(server));
  }
  [[nodiscard]] uint16_t port() const { return port_; }

private:
  NetworkDisk(uint16_t port, base::Child server) : port_(port), server_(std::move(server)) {}

  uint16_t port_;
  base::Child server_;
};

class BetweenHosts : public Scenario {
protected:
  static void TearDownTestSuite() {
    if (other_) {
      auto down = other_->down();
      EXPECT_TRUE(down) << why(down);
    }
    other_.reset();
    disk_.reset();
    std::filesystem::remove(image());
  }

  void SetUp() override {
    if (!thorough())
      return;
    if (!other_) {
      ASSERT_NO_FATAL_FAILURE(begin());
    }
    Scenario::SetUp();
    auto before = Inventory::take(other());
    ASSERT_TRUE(before) << why(before);
    before_there_ = std::move(*before);
  }

  void TearDown() override {
    if (IsSkipped())
      return;
    there("xl destroy t-state 2>/dev/null; rm -f /var/tmp/t.cfg /etc/linstub/t-*; true");
    Scenario::TearDown();
    EXPECT_THAT(left_there(), IsEmpty());
  }

  static const Host &other() { return other_->host(); }

  static void there(const std::string &command) {
    auto done = other().check(command, setup_limit);
    EXPECT_TRUE(done) << why(done);
  }

  std::vector<std::string> left_there() {
    std::vector<std::string> left;
    for (int tries = 0; tries < 20; tries++) {
      auto now = Inventory::take(other());
      EXPECT_TRUE(now) << why(now);
      left = now ? now->more_than(before_there_) : std::vector<std::string>{};
      if (left.empty())
        break;
      holds_within("false", seconds(3));
    }
    return left;
  }

  // A command that migrates the guest to another host.
  static std::string migrate_to(const Host &host, const std::string &options = "") {
    return base::format("xl migrate {} -s 'ssh -p {} {}' t-state {}", options,
                        std::to_string(host.address().port), ssh_options, outside);
  }

  // Has it done on one of the hosts: what it says.
  static std::string on(const Host &host, const std::string &command, bool success = true) {
    auto output = host.run(command + " 2>&1", migrate_limit);
    EXPECT_TRUE(output) << why(output);
    const std::string said = output ? output->out + output->err : "";
    EXPECT_EQ(output && output->status.success(), success) << said;
    return said;
  }

  void expect_here(BusyGuest &guest, const std::string &when) {
    guest.found_on(host());
    guest.expect_all_well(when);
  }
  void expect_there(BusyGuest &guest, const std::string &when) {
    guest.found_on(other());
    guest.expect_all_well(when);
  }

  static constexpr const char *shared_disk = "/dev/nbd0";

  static GuestConfig config() {
    return {.name = "t-state", .device_model = DeviceModel::linstub, .disk = shared_disk};
  }

private:
  static std::filesystem::path image() { return ::testing::TempDir() + "lab-hosts.img"; }

  void begin() {
    auto another = stage().another();
    ASSERT_TRUE(another) << why(another);
    other_.emplace(std::move(*another));
    // The guest's own disk: it is the same on both hosts when the first one begins.
    auto got = host().get("/lab/tiny.img", image(), setup_limit);
    ASSERT_TRUE(got) << why(got);
    auto disk = NetworkDisk::serve(image());
    ASSERT_TRUE(disk) << why(disk);
    disk_.emplace(std::move(*disk));
    dom0("rm -f /root/.ssh/lab-hosts*; "
         "ssh-keygen -q -t ed25519 -N '' -C lab-hosts -f /root/.ssh/lab-hosts");
    const std::string key = dom0("cat /root/.ssh/lab-hosts");
    const std::string public_key = dom0("cat /root/.ssh/lab-hosts.pub");
    for (const Host *one : {&host(), &other()}) {
      auto put = one->check("umask 077; cat > /root/.ssh/lab-hosts", setup_limit, key + "\n");
      ASSERT_TRUE(put) << why(put);
      auto ready = one->check(
          base::format("echo {} >> /root/.ssh/authorized_keys && modprobe nbd && "
                       "nbd-client {} {} {} -persist",
                       quote(public_key), outside, std::to_string(disk_->port()), shared_disk),
          setup_limit);
      ASSERT_TRUE(ready) << why(ready);
    }
    auto joined = other().check(join_network, setup_limit);
    ASSERT_TRUE(joined) << why(joined);
    dom0(base::format("ssh -f {} -p {} -o Tunnel=ethernet -w 9:9 {} 'ip link set tap9 master "
                      "xenbr0 up && sleep 7200' >/dev/null 2>&1 </dev/null; "
                      "ip link set tap9 master xenbr0 up",
                      ssh_options, std::to_string(other().address().port), outside));
    ASSERT_TRUE(holds_within("ping -c 1 -W 2 10.77.0.2 >/dev/null", seconds(60)));
  }

  static inline std::optional<Stage> other_;
  static inline std::optional<NetworkDisk> disk_;
  Inventory before_there_;
};

TEST_F(BetweenHosts, AGuestAtWorkGoesThereAndBack) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  on(host(), migrate_to(other()));
  expect_there(guest, "there");
  EXPECT_THAT(left_within(seconds(60)), IsEmpty());
  EXPECT_EQ(on(other(), "ps -eo comm | grep -c qemu || true"), "0\n");
  EXPECT_THAT(on(other(), "linstub status"), HasSubstr("t-state"));
  on(other(), migrate_to(host()));
  expect_here(guest, "and back");
  EXPECT_THAT(left_there(), IsEmpty());
}

// Neither way needs a Linstub on the other side. What Linstub gives QEMU in dom0 takes only if the
// guest's settings say so.
TEST_F(BetweenHosts, AGuestGoesToQemuInDom0AndBack) {
  ONLY_WHEN_THOROUGH();
  GuestConfig portable = config();
  portable.extra = {"device_model_args_hvm = [ \"-linstub\", \"portable-state=yes\" ]"};
  BusyGuest guest(*this, portable);
  dom0(guest.config_of(DeviceModel::dom0, {"device_model_args_hvm = [ ]"}));
  on(host(), migrate_to(other(), "-C /var/tmp/t.cfg"));
  expect_there(guest, "with QEMU in dom0");
  EXPECT_EQ(on(other(), "ps -eo comm | grep -c '^qemu\\|^xen-qemu' || true"), "1\n");
  auto put = other().check(guest.config_of(DeviceModel::linstub), setup_limit);
  ASSERT_TRUE(put) << why(put);
  on(other(), migrate_to(host(), "-C /var/tmp/t.cfg"));
  expect_here(guest, "in a stub domain again");
  EXPECT_EQ(qemus(), "0");
  EXPECT_THAT(left_there(), IsEmpty());
}

TEST_F(BetweenHosts, AHostWithoutLinstubLeavesTheGuestWhereItIs) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  there("mv /usr/libexec/linstub/linstub-dm /usr/libexec/linstub/linstub-dm.gone");
  const std::string said = on(host(), migrate_to(other()), false);
  there("mv /usr/libexec/linstub/linstub-dm.gone /usr/libexec/linstub/linstub-dm");
  EXPECT_THAT(said, HasSubstr("/usr/libexec/linstub/linstub-dm"));
  expect_here(guest, "there is no Linstub there");
  EXPECT_THAT(left_there(), IsEmpty());
}

TEST_F(BetweenHosts, AnImageForAnotherXenLeavesTheGuestWhereItIs) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  constexpr const char *manifest = "/usr/lib/linstub/image/manifest.json";
  there(base::format("cp -a {} /run/t-manifest && sed -i 's/\"4\\.20\"/\"4.19\"/' {} && "
                     "! cmp -s {} /run/t-manifest",
                     manifest, manifest, manifest));
  on(host(), migrate_to(other()), false);
  EXPECT_THAT(on(other(), "cat /var/log/xen/qemu-dm-t-state*.log"), HasSubstr("4.19"));
  there(base::format("mv /run/t-manifest {}", manifest));
  expect_here(guest, "the image there is another Xen's");
  EXPECT_THAT(left_there(), IsEmpty());
}

TEST_F(BetweenHosts, AHostThatIsLostMidwayLeavesTheGuestWhereItIs) {
  ONLY_WHEN_THOROUGH();
  BusyGuest guest(*this, config());
  as_soon_as("pgrep -f '[x]l migrate-receive' >/dev/null",
             "sleep 4; pkill -9 -f '^ssh -p.*migrate'");
  on(host(), migrate_to(other()), false);
  expect_here(guest, "the connection was lost");
  EXPECT_THAT(left_there(), IsEmpty());
}

} // namespace
} // namespace linstub::lab
