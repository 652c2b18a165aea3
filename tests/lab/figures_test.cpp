// SPDX-License-Identifier: MIT
// Speed beside QEMU in dom0, in one run. Printed, never judged: the host is emulated.
#include "lab/figures.hpp"
#include "scenario.hpp"

namespace linstub::lab {
namespace {

class FiguresTest : public Scenario {};

TEST_F(FiguresTest, BesideQemuInDom0) {
  std::vector<Figures> figures;
  for (DeviceModel device_model : {DeviceModel::linstub, DeviceModel::dom0}) {
    auto one = measure(host(), device_model);
    ASSERT_TRUE(one) << device_model_name(device_model) << ": " << why(one);
    figures.push_back(*one);
  }
  std::printf("%s", table(figures).c_str());
}

} // namespace
} // namespace linstub::lab
