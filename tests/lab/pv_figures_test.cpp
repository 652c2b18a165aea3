// SPDX-License-Identifier: MIT
// How fast a PV driver's qcow2 disk is that QEMU serves in the stub domain, beside one that it
// serves in dom0: one run, two guests, in turn.
#include "bench/statistics.hpp"
#include "scenario.hpp"

#include <array>
#include <cstdlib>
#include <map>

namespace linstub::lab {
namespace {

using std::chrono::seconds;

constexpr auto ask_limit = seconds(240);

// Generous: it is for what is broken. What is promised is judged by people, from many rounds on a
// quiet machine.
constexpr double slowest = 1.5;

struct Work {
  const char *what;
  const char *command;
};
constexpr std::array works{
    Work{.what = "read, 64 KiB", .command = "measure read 128 /dev/xvda 65536"},
    Work{.what = "read, 4 KiB here and there", .command = "measure random 200 /dev/xvda 4096"},
    Work{.what = "write, 64 KiB", .command = "measure write 128 /dev/xvda 65536"},
    Work{.what = "write and flush, 4 KiB", .command = "measure flush 40 /dev/xvda 4096"},
};

class PvFigures : public Scenario {
protected:
  GuestRun with_qcow2(const std::string &name, DeviceModel device_model) {
    const std::string image = base::format("/run/lab-{}.qcow2", name);
    auto put = stage().put_qcow2(image, 64);
    EXPECT_TRUE(put) << why(put);
    GuestRun guest = start(pv_guest(
        name, {base::format("disk = [ \"format=qcow2,vdev=hda,access=rw,target={}\" ]", image)}, "",
        device_model));
    // So that what is read is there, and what is written has its place.
    auto filled = guest.ask("put xvda 64 figures", ask_limit);
    EXPECT_TRUE(filled) << why(filled);
    return guest;
  }

  // The time of each, in ns.
  static double time_of(GuestRun &guest, const Work &work) {
    auto answer = guest.ask(work.command, ask_limit);
    EXPECT_TRUE(answer) << why(answer);
    constexpr size_t prefix = std::string_view("+ measure ").size();
    return answer && answer->size() > prefix ? std::strtod(answer->c_str() + prefix, nullptr) : 0;
  }
};

TEST_F(PvFigures, OfAQcow2DiskBesideQemuInDom0) {
  ONLY_WHEN_THOROUGH();
  std::array guests{with_qcow2("t-stub", DeviceModel::linstub),
                    with_qcow2("t-dom0", DeviceModel::dom0)};
  ASSERT_FALSE(HasFailure());
  std::map<const Work *, std::array<std::vector<double>, 2>> times;
  const int times_each = rounds(6, 40);
  for (int round = 0; round < times_each; round++) {
    for (const Work &work : works) {
      // Each is the first as often as the second.
      for (size_t i = 0; i < guests.size(); i++) {
        const size_t turn = (i + static_cast<size_t>(round)) % guests.size();
        times[&work][turn].push_back(time_of(guests[turn], work));
      }
    }
  }
  for (const Work &work : works) {
    const auto &[stub, reference] = times[&work];
    const bench::Ratio ratio = bench::ratio(stub, reference);
    std::printf(
        "PV disk of a qcow2 image, %s: %.2f ms in a stub domain, %.2f ms with QEMU in dom0, "
        "ratio %.2f (%.2f to %.2f)\n",
        work.what, 1e-6 * bench::median(stub), 1e-6 * bench::median(reference), ratio.value,
        ratio.low, ratio.high);
    EXPECT_GT(bench::median(stub), 0);
    EXPECT_LT(ratio.value, slowest) << work.what;
  }
  dom0("xl destroy t-stub; xl destroy t-dom0");
}

} // namespace
} // namespace linstub::lab
