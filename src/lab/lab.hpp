// SPDX-License-Identifier: MIT
// Lab: a nested Xen host, started, found again and taken down.
//
// Each lab has a name and a directory below the cache, lab/<name>, with its disk overlay, Xen's
// console log and the emulator's pid. Everything in its dom0 is gone when it is taken down. A lab
// ends by itself after `life`, so that none is forgotten.
#pragma once

#include "cache/cache.hpp"
#include "lab/host.hpp"
#include "lab/machine.hpp"

#include <optional>
#include <string>

namespace linstub::lab {

struct LabOptions {
  std::string name = "main";
  Shape shape = Shape::warm;
  std::chrono::minutes life{60};
};

struct LabState {
  std::string name;
  Shape shape = Shape::warm;
  pid_t pid = 0;
  uint16_t ssh_port = 0;
  std::filesystem::path identity; // root's key
  std::filesystem::path directory;

  [[nodiscard]] std::filesystem::path console() const { return directory / "xen.log"; }
  [[nodiscard]] Host host() const;
};

class Labs {
public:
  // `config` is the project's config directory: what labs are made from.
  static base::Result<Labs> open(const std::filesystem::path &config);

  // The lab if it is running, else a new one: builds what is missing, starts it, waits for ssh.
  // One of another shape under the same name is an error.
  base::Result<LabState> up(const LabOptions &options);

  // Ends a lab; it is no error if it does not run.
  base::Result<> down(const std::string &name);

  base::Result<std::optional<LabState>> find(const std::string &name) const;
  base::Result<std::vector<LabState>> all() const;

  [[nodiscard]] cache::Cache &cache() { return cache_; }

private:
  Labs(cache::Cache cache, std::filesystem::path config)
      : cache_(std::move(cache)), config_(std::move(config)) {}

  [[nodiscard]] std::filesystem::path directory_of(const std::string &name) const;
  base::Result<std::filesystem::path> get_snapshot(Shape shape, const Dom0 &dom0);
  base::Result<LabState> start(const LabOptions &options, const Dom0 &dom0,
                               const std::filesystem::path &snapshot);

  cache::Cache cache_;
  std::filesystem::path config_;
};

// The last `count` lines of a file, to be quoted in an error; why it cannot be read, if it cannot.
std::string last_lines(const std::filesystem::path &file, size_t count);

} // namespace linstub::lab
