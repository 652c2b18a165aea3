// SPDX-License-Identifier: MIT
#include "bench/furnish.hpp"

#include "bench/minios.hpp"

#include <algorithm>

namespace linstub::bench {
namespace {

using base::Result;
using std::chrono::seconds;
namespace fs = std::filesystem;

constexpr auto copy_limit = seconds(120);
constexpr auto command_limit = seconds(60);

bool has_minios(const std::vector<Contender> &contenders) {
  return std::ranges::contains(contenders, lab::DeviceModel::minios, &Contender::device_model);
}

bool has_image_qemu(const std::vector<Contender> &contenders) {
  return std::ranges::contains(contenders, image_qemu, &Contender::name);
}

Result<> put_image_qemu(const lab::Host &host, const fs::path &program) {
  TRY(host.check(base::format("mkdir -p $(dirname {})", image_qemu_path), command_limit));
  TRY(host.put(program, image_qemu_path, copy_limit));
  TRY(host.check(base::format("chmod 755 {}", image_qemu_path), command_limit));
  return {};
}

} // namespace

Result<> check(const Furniture &furniture, const std::vector<Contender> &contenders) {
  if (has_minios(contenders))
    TRY(check_minios(furniture.minios));
  std::error_code error;
  if (has_image_qemu(contenders) && !fs::is_regular_file(furniture.image_qemu, error))
    return base::fail("the contender {} needs the QEMU that the image was built with: name it with "
                      "--qemu (it is qemu-*/qemu-system-i386 in the cache of the builds)",
                      image_qemu);
  return {};
}

Result<> furnish(lab::Stage &stage, const RunOptions &run, const Furniture &furniture) {
  if (run.measure.boot == Boot::cd)
    TRY(stage.add_tiny_cd());
  if (has_minios(run.contenders))
    TRY(put_minios(stage.host(), furniture.minios));
  if (has_image_qemu(run.contenders))
    TRY(put_image_qemu(stage.host(), furniture.image_qemu));
  if (run.guests == 0 && run.measure.groups.contains(Group::pv)) {
    TRY(stage.add_pv_guest());
    TRY(stage.put_qcow2(pv_image, pv_size));
  }
  return {};
}

Result<> clear(const lab::Host &host, const RunOptions &run) {
  TRY(host.check(base::format("rm -rf {} $(dirname {})", pv_image, image_qemu_path),
                 command_limit));
  return has_minios(run.contenders) ? remove_minios(host) : Result<>();
}

} // namespace linstub::bench
