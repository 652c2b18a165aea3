// SPDX-License-Identifier: MIT
// Scenario: the fixture of the lab's tests. Each runs on one host; at its end nothing may be left
// in dom0 that was not there before.
#pragma once

#include "lab/guest_run.hpp"
#include "lab/inventory.hpp"
#include "lab/stage.hpp"

#include <gmock/gmock.h>

#include <ostream>
#include <string>

namespace linstub::lab {

// The stage that main() has prepared.
Stage &stage();

// For what carries some MiB.
constexpr std::chrono::seconds transfer_limit{240};

// For assertions: the error of a result.
template <class T>
std::string why(const base::Result<T> &result) {
  return result ? "" : result.error().message();
}

// How many rounds a test makes: LINSTUB_ROUNDS, from 1 to `most`; `usual` if it is not set.
int rounds(int usual, int most);

// For scenarios that an ordinary run has no time for: LINSTUB_THOROUGH=1 ./dev test lab runs all.
bool thorough();
#define ONLY_WHEN_THOROUGH()                                                                       \
  if (!::linstub::lab::thorough())                                                                 \
  GTEST_SKIP() << "only with LINSTUB_THOROUGH=1"

// For scenarios that are tried under one device model and another: the name of each test.
inline std::string name_by_device_model(const ::testing::TestParamInfo<DeviceModel> &test) {
  return test.param == DeviceModel::dom0 ? "QemuInDom0" : "Linstub";
}

// What dies in a scenario, and the command in dom0 that kills it.
struct Death {
  const char *name;
  const char *command;
};
inline void PrintTo(const Death &death, std::ostream *out) { *out << death.name; }

class Scenario : public ::testing::Test {
public:
  [[nodiscard]] const Host &host() const { return stage().host(); }

  // A guest with Debian's kernel and its PV drivers, on this host, and further lines of its xl.cfg.
  GuestConfig pv_guest(const std::string &name, std::vector<std::string> lines = {},
                       const std::string &options = "",
                       DeviceModel device_model = DeviceModel::linstub);

  // Creates a guest; the test fails if it does not come up to its prompt.
  GuestRun start(const GuestConfig &config);

  // Runs a command in dom0; the test fails if it fails. Returns what it prints, without the last
  // newline.
  std::string dom0(const std::string &command);

  // A command in dom0 that has to succeed, or to fail: what it says. The test fails if it does
  // otherwise.
  std::string succeeds(const std::string &command, base::Milliseconds limit) {
    return ends(command, limit, true);
  }
  std::string fails(const std::string &command, base::Milliseconds limit) {
    return ends(command, limit, false);
  }

  // Saves a guest to a file of dom0's, and restores it from there: it is another domain then. The
  // test fails if either fails.
  void save_and_restore(const std::string &guest);

  // Runs a command in dom0, in the background, as soon as a shell condition holds; not at all if it
  // does not hold within a minute.
  void as_soon_as(const std::string &condition, const std::string &command);

  // Tells the guest to reboot, and waits until it has come back, as another domain, to its prompt.
  // To be asserted: ASSERT_NO_FATAL_FAILURE.
  void reboot(GuestRun &guest, base::Milliseconds gone_limit, base::Milliseconds ready_limit);

  // Waits until the guest, that is about to reboot, has come back as another domain than `before`,
  // to its prompt. To be asserted.
  void come_back(GuestRun &guest, const std::string &before, base::Milliseconds gone_limit,
                 base::Milliseconds ready_limit);

  // libxl's record of a guest's stub domain, without spaces: it is put aside (xen/toolstack.hpp,
  // unlist()).
  std::string stub_record(const std::string &guest) {
    return dom0("cat /var/lib/xen/userdata-d.$(xl domid " + guest +
                "-dm).*.linstub-json | tr -d ' \\n'");
  }

  // Runs a shell command in the guest; the test fails if that fails.
  void guest_does(GuestRun &guest, const std::string &command);

  // Waits until a shell condition holds in the guest, looking once a second, so often; the test
  // fails if it does not.
  void comes_true(GuestRun &guest, const std::string &condition, int looks = 60);

  // So many MiB from the guest to dom0, which has the address `peer` on a network of theirs, and as
  // many back, hashes equal. To be asserted.
  void carries_data(GuestRun &guest, const std::string &peer, int mebibytes);

  // The hash of so many MiB, from there on, of what is in a qcow2 image of dom0's, whose tables
  // have to be whole.
  std::string hash_of_qcow2(const std::string &image, int at, int mebibytes);

  // How many QEMUs run in dom0.
  std::string qemus() { return dom0("ps -eo comm | grep -c qemu || true"); }

  // The characters of the upper lines of a guest's screen in text mode, without the gaps between
  // them.
  std::string screen(const std::string &guest);

  // Waits until its screen has these words.
  bool shows(const std::string &guest, const std::string &words, base::Milliseconds limit);

  // Waits until a shell condition holds in dom0.
  bool holds_within(const std::string &condition, base::Milliseconds limit);

  // Waits until there is nothing left of what has come since the scenario began; what is left
  // after the limit is returned.
  std::vector<std::string> left_within(base::Milliseconds limit);

protected:
  void SetUp() override;
  void TearDown() override;

private:
  std::string ends(const std::string &command, base::Milliseconds limit, bool success);

  Inventory before_;
};

} // namespace linstub::lab
