// SPDX-License-Identifier: MIT
#include "lab/stage.hpp"

#include "base/process.hpp"
#include "image/temporary.hpp"
#include "lab/system_guest.hpp"

#include <algorithm>
#include <cstdio>

namespace linstub::lab {

using std::chrono::seconds;

base::Result<Stage> Stage::prepare(const StageOptions &wanted) {
  StageOptions options = wanted;
  options.config =
      std::filesystem::absolute(wanted.config); // builds run in directories of their own
  if (!options.host.empty()) {
    Stage stage(options, Host(TRY(parse_address(options.host))));
    TRY(stage.fill());
    return stage;
  }
  auto labs = TRY(Labs::open(options.config));
  LabState state = TRY(labs.up({.name = options.lab, .shape = options.shape, .life = options.life})
                           .transform_error(base::doing("lab up")));
  Stage stage(options, state.host());
  stage.console_ = state.console();
  TRY(stage.fill().transform_error(base::doing("prepare the lab")));
  return stage;
}

base::Result<> Stage::fill() {
  if (!options_.tree.empty())
    TRY(host_.put_tree(options_.tree, "/", seconds(180)));
  auto labs = TRY(Labs::open(options_.config));
  TRY(host_.check("mkdir -p /lab", seconds(60)));
  struct Copy {
    std::filesystem::path from;
    const char *to;
  };
  std::vector<Copy> copies;
  if (options_.tiny) {
    Guest tiny = TRY(get_tiny_guest(labs.cache(), options_.config));
    copies.push_back({tiny.disk(), "/lab/tiny.img"});
    copies.push_back({tiny.kernel(), "/lab/tiny.kernel"});
    copies.push_back({tiny.initrd(), "/lab/tiny.initrd"});
  }
  if (options_.debian) {
    Dom0 dom0 = TRY(get_dom0(labs.cache(), options_.config));
    Guest debian = TRY(get_debian_guest(labs.cache(), options_.config, dom0));
    copies.push_back({debian.disk(), "/lab/debian.img"});
    copies.push_back({debian.cd(), "/lab/debian.iso"});
  }
  for (const Copy &copy : copies)
    TRY(host_.put(copy.from, copy.to, seconds(240)));
  TRY(host_.check("sync", seconds(60)));
  return {};
}

base::Result<> Stage::add_pv_guest() {
  if (has_pv_guest_)
    return {};
  auto labs = TRY(Labs::open(options_.config));
  const Dom0 dom0 = TRY(get_dom0(labs.cache(), options_.config));
  const Guest guest = TRY(get_pv_guest(labs.cache(), options_.config, dom0));
  TRY(host_.put(guest.kernel(), "/lab/pv.kernel", seconds(240)));
  TRY(host_.put(guest.initrd(), "/lab/pv.initrd", seconds(240)));
  has_pv_guest_ = true;
  return {};
}

base::Result<> Stage::put_qcow2(const std::string &path, unsigned size) const {
  const auto scratch = TRY(image::TemporaryDirectory::make(std::filesystem::temp_directory_path()));
  const std::filesystem::path image = scratch.path() / "empty.qcow2";
  TRY(base::run_checked({.argv = {"qemu-img", "create", "-q", "-f", "qcow2", image.string(),
                                  base::format("{}M", size)}},
                        base::Deadline::after(seconds(60)))
          .transform_error(base::doing("make a qcow2 image (it needs Debian's qemu-utils)")));
  return host_.put(image, path, seconds(120));
}

base::Result<> Stage::take_qcow2(const std::string &path, const std::filesystem::path &raw) const {
  const auto scratch = TRY(image::TemporaryDirectory::make(std::filesystem::temp_directory_path()));
  const std::string image = (scratch.path() / "taken.qcow2").string();
  TRY(host_.get(path, image, seconds(240)));
  const auto deadline = base::Deadline::after(seconds(120));
  TRY(base::run_checked({.argv = {"qemu-img", "check", "-q", image}}, deadline)
          .transform_error(base::doing("check the qcow2 image {}", path)));
  TRY(base::run_checked(
          {.argv = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, raw.string()}},
          deadline)
          .transform_error(base::doing("convert the qcow2 image {}", path)));
  return {};
}

base::Result<Stage> Stage::another() const {
  if (!options_.host.empty())
    return base::fail("there is no second real host");
  StageOptions options = options_;
  options.lab += "-other";
  return prepare(options);
}

base::Result<> Stage::add_system_disk(SystemDisk format) {
  if (system_disks_.contains(format))
    return {};
  auto labs = TRY(Labs::open(options_.config));
  const SystemGuest guest = TRY(get_system_guest(labs.cache(), options_.config));
  constexpr auto put_limit = seconds(600);
  if (format == SystemDisk::raw)
    TRY(host_.put(guest.raw(), "/lab/system.img", put_limit));
  else
    TRY(host_.put(guest.qcow2(), "/lab/system.qcow2", put_limit));
  system_disks_.insert(format);
  return {};
}

base::Result<> Stage::add_tiny_cd() {
  auto labs = TRY(Labs::open(options_.config));
  const Guest tiny = TRY(get_tiny_guest(labs.cache(), options_.config));
  return host_.put(tiny.cd(), "/lab/tiny.iso", seconds(240));
}

base::Result<> Stage::down() {
  if (!options_.host.empty())
    return {};
  return TRY(Labs::open(options_.config)).down(options_.lab);
}

base::Result<> Stage::renew() {
  if (!options_.host.empty())
    return base::fail("a real host cannot be made anew");
  TRY(down());
  *this = TRY(prepare(options_));
  return {};
}

std::string Stage::console() {
  if (console_.empty())
    return "";
  constexpr size_t largest = size_t{256} << 20;
  auto text = base::read_file(console_, largest);
  if (!text)
    return "";
  size_t from = std::min(console_read_, text->size());
  console_read_ = text->size();
  return text->substr(from);
}

} // namespace linstub::lab
