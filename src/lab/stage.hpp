// SPDX-License-Identifier: MIT
// Stage: a host with Linstub installed and the guests' files in place, ready for a scenario.
#pragma once

#include "lab/guests.hpp"
#include "lab/host.hpp"
#include "lab/lab.hpp"

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace linstub::lab {

struct StageOptions {
  std::filesystem::path config = "config"; // the project's
  std::filesystem::path tree;              // an installed Linstub (DESTDIR)
  std::string lab = "main";
  Shape shape = Shape::warm;
  std::chrono::minutes life{60}; // of the lab
  std::string host;              // user@host of a real Xen host; empty: the nested lab
  bool tiny = true;              // the tiny guest, whose kernel takes minutes to compile once
  bool debian = false;           // Debian's guest: 30 MB to copy
};

enum class SystemDisk : uint8_t { raw, qcow2 };

class Stage {
public:
  // Brings up the lab (or reaches the host), installs, copies the guests' files to /lab.
  static base::Result<Stage> prepare(const StageOptions &wanted);

  [[nodiscard]] const Host &host() const { return host_; }

  // The guest with PV drivers, for a direct boot: /lab/pv.kernel, /lab/pv.initrd. Again is no
  // error.
  base::Result<> add_pv_guest();

  // An empty qcow2 image of that size in MiB, as that file of the host; dom0 has no qemu-img.
  [[nodiscard]] base::Result<> put_qcow2(const std::string &path, unsigned size) const;

  // Copies a qcow2 image of the host's to a raw file of this machine. An error if its tables are
  // not whole: each cluster that is in use is accounted for, and none twice. This is an
  // independent reader of what a guest's QEMU has written.
  [[nodiscard]] base::Result<> take_qcow2(const std::string &path,
                                          const std::filesystem::path &raw) const;

  // A second host of the same kind, with the same in place. An error on a real host.
  [[nodiscard]] base::Result<Stage> another() const;

  // A disk of the guest "system", as /lab/system.img or /lab/system.qcow2. Again is no error.
  base::Result<> add_system_disk(SystemDisk format);

  // The tiny guest's CD, to boot from where a kernel cannot be passed: /lab/tiny.iso.
  base::Result<> add_tiny_cd();

  // Takes the lab down and prepares a fresh one. An error on a real host.
  base::Result<> renew();
  base::Result<> down();

  // What Xen's console has said since the last call; empty on a real host.
  std::string console();

private:
  Stage(StageOptions options, Host host) : options_(std::move(options)), host_(std::move(host)) {}
  base::Result<> fill();

  StageOptions options_;
  Host host_;
  bool has_pv_guest_ = false;
  std::set<SystemDisk> system_disks_; // that it has
  std::filesystem::path console_;
  size_t console_read_ = 0;
};

} // namespace linstub::lab
