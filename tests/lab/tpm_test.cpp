// SPDX-License-Identifier: MIT
// A guest with a TPM 2.0 (tpm= of its settings), as Debian's own kernel has it from hvmloader's
// tables.
#include "base/sha256.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using namespace std::string_literals;

constexpr auto upgrade_limit = seconds(200);
constexpr auto ask_limit = seconds(120);
constexpr auto refusal_limit = seconds(90);
constexpr const char *state_file = "/run/lab-t-tpm.state";

const std::string measured(32, 'A');

// TPM2_PCR_Extend: the register 16, without a password, by one SHA-256 value.
const std::string extend = "\x80\x02\0\0\0\x41\0\0\x01\x82\0\0\0\x10\0\0\0\x09"
                           "\x40\0\0\x09\0\0\0\0\0\0\0\0\x01\0\x0b"s +
                           measured;
// TPM2_CreatePrimary: a key of the P-256 curve, made of the seed that the owner's hierarchy has.
const std::string create_primary =
    "\x80\x02\0\0\0\x43\0\0\x01\x31\x40\0\0\x01\0\0\0\x09\x40\0\0\x09\0\0\0\0\0\0\x04\0\0\0\0\0\x1a"
    "\0\x23\0\x0b\0\x03\0\x72\0\0\0\x06\0\x80\0\x43\0\x10\0\x03\0\x10\0\0\0\0\0\0\0\0\0\0"s;

std::string printf_of(const std::string &bytes) {
  std::string text = "printf '";
  for (const char byte : bytes) {
    const auto bits = static_cast<unsigned char>(byte);
    text += base::format("\\{}{}{}", bits >> 6, bits >> 3 & 7, bits & 7);
  }
  return text + "'";
}

// What the register holds after so many measurements, as the kernel shows it.
std::string register_after(int measurements) {
  base::Sha256Digest value{};
  for (; measurements > 0; measurements--)
    value = base::Sha256().add(std::span<const std::byte>(value)).add(measured).digest();
  std::string text;
  for (const auto byte : value)
    text += base::format("{:02X}", static_cast<unsigned int>(byte));
  return text;
}

class Tpm : public Scenario {
protected:
  GuestConfig guest(const std::string &name, const std::string &state = state_file) {
    return pv_guest(name,
                    {base::format("device_model_args_hvm = [ \"-linstub\", \"tpm={}\" ]", state)});
  }
  // The public half of a key.
  static std::string key(GuestRun &guest) {
    auto answer = guest.ask(base::format("sh exec 3<>/dev/tpm0; {} >&3; echo \"+ key $(dd bs=4096 "
                                         "count=1 <&3 2>/dev/null | tail -c +41 | head -c 64 | "
                                         "hexdump -v -e '1/1 \"%02x\"')\"",
                                         printf_of(create_primary)),
                            ask_limit);
    EXPECT_TRUE(answer) << why(answer);
    const std::string text = answer.value_or("");
    EXPECT_THAT(text, MatchesRegex("\\+ key [0-9a-f]{128}"));
    auto ended = guest.wait_for("+ sh", ask_limit);
    EXPECT_TRUE(ended) << why(ended);
    return text;
  }
  void measures(GuestRun &guest, int now) {
    guest_does(guest, printf_of(extend) + " >/dev/tpm0");
    has_measured(guest, now);
  }
  void has_measured(GuestRun &guest, int now) {
    guest_does(guest, base::format("[ $(cat /sys/class/tpm/tpm0/pcr-sha256/16) = {} ]",
                                   register_after(now)));
  }
};

TEST_F(Tpm, KeepsItsSecretsAndWhatWasMeasured) {
  ONLY_WHEN_THOROUGH();
  GuestRun it = start(guest("t-tpm"));
  guest_does(it, "[ $(cat /sys/class/tpm/tpm0/tpm_version_major) = 2 ]");
  const std::string made = key(it);
  measures(it, 1);
  succeeds("linstub upgrade t-tpm", upgrade_limit);
  measures(it, 2);
  save_and_restore("t-tpm");
  ASSERT_TRUE(it.follow());
  measures(it, 3);
  EXPECT_EQ(key(it), made);
  ASSERT_NO_FATAL_FAILURE(reboot(it, seconds(120), seconds(240)));
  has_measured(it, 0);
  EXPECT_EQ(key(it), made) << "the state was not kept";

  auto second = guest("t-tpm-2");
  auto refused = GuestRun::create(host(), second, refusal_limit);
  ASSERT_FALSE(refused) << "two guests with one TPM";
  EXPECT_THAT(why(refused), HasSubstr(base::format("{}: guest t-tpm (process", state_file)));
  dom0("xl destroy t-tpm");
  EXPECT_EQ(dom0(base::format("stat -c %a-%s {}; rm {}", state_file, state_file)), "600-1048576");
}

} // namespace
} // namespace linstub::lab
