// SPDX-License-Identifier: MIT
// A guest, its stub domain, and the backends of the guest's PV devices.
#pragma once

#include "broker/guest_backends.hpp"
#include "fake/xenstore.hpp"
#include "plan/drives.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace linstub::broker {

inline const std::string libxl_disk = "/local/domain/0/backend/qdisk/5/768";
inline const std::string stub_disk = "/local/domain/6/backend/qdisk/5/768";
inline const std::string frontend = "/local/domain/5/device/vbd/768";

class GuestBackendsTest : public testing::Test {
protected:
  GuestBackendsTest() {
    store.write("/local/domain/5", "");
    store.write("/local/domain/6", "");
  }
  ~GuestBackendsTest() override { std::filesystem::remove_all(directory); }

  std::string image(const std::string &name) {
    std::ofstream(directory / name) << std::string(512, 'x');
    return directory / name;
  }
  void add_device(const std::string &kind, const std::string &device, const std::string &number,
                  const std::map<std::string, std::string> &nodes) {
    const std::string backend = base::format("/local/domain/0/backend/{}/5/{}", kind, number);
    store.write(backend, "");
    for (const auto &[name, value] : nodes)
      store.write(base::format("{}/{}", backend, name), value);
    store.write(backend + "/online", "1");
    store.write(backend + "/state", "1");
    const std::string front = base::format("/local/domain/5/device/{}/{}", device, number);
    store.write(front + "/backend", backend);
    store.write(front + "/backend-id", "0");
    store.write(front + "/state", "1");
  }
  void add_disk(const std::string &path, const std::string &number = "768",
                const std::string &dev = "hda") {
    add_device("qdisk", "vbd", number,
               {{"params", "aio:" + path}, {"mode", "w"}, {"dev", dev}, {"device-type", "disk"}});
  }
  void emulate(const std::string &path, const std::string &vdev) {
    plan.qemu.push_back({.name = "-drive",
                         .value = plan::Drive{.options = wire::Options::parse("if=ide"),
                                              .disk = disk::Disk{.path = path, .vdev = vdev}}});
  }
  void start() {
    ASSERT_TRUE(backends.find());
    ASSERT_TRUE(backends.move(stub));
  }
  void look() {
    auto looked = backends.look();
    ASSERT_TRUE(looked) << looked.error().message();
  }
  // Of a disk that an emulated drive has.
  void start_with_disk() {
    const std::string path = image("a");
    add_disk(path);
    emulate(path, "xvda");
    start();
  }
  void stub_says(const std::string &state, const std::string &online = "1") {
    store.write(stub_disk + "/online", online);
    store.write(stub_disk + "/state", state);
    look();
  }
  // So many, which have no emulated drive, from that one on: xvda is 0.
  void add_disks(size_t count, unsigned first = 0) {
    constexpr unsigned apart = 16; // their numbers
    for (unsigned i = first; i < first + count; i++)
      add_disk(image(base::format("disk{}", i)), std::to_string(51712 + i * apart),
               base::format("xvd{}", static_cast<char>('a' + i)));
  }
  // Writes what libxl does to detach a device.
  void begin_to_close(const std::string &node) {
    store.write(node + "/online", "0");
    store.write(node + "/state", "5");
  }
  void libxl_asks_to_close(const std::string &node = libxl_disk) {
    begin_to_close(node);
    look();
  }
  std::string text(const std::string &node) { return store.read(node).value_or("none"); }

  static std::filesystem::path make() {
    std::string name = (std::filesystem::temp_directory_path() / "backendsXXXXXX").string();
    return ::mkdtemp(name.data());
  }
  std::filesystem::path directory = make();
  const xen::DomId guest{5};
  const xen::DomId stub{6};
  fake::Xenstore store;
  xen::Xenstore xenstore = xen::Xenstore::connect().value();
  plan::Plan plan{.guest = guest, .name = "sunny"};
  std::vector<std::string> unplugged;
  Done done;
  std::vector<disk::Disk> plugged;
  std::string plug_fails; // why, if it does
  int plug_code = 0;
  bool leaving = false; // some disk
  std::unique_ptr<base::EventLoop> loop = base::EventLoop::create().value();
  GuestBackends backends{*loop,
                         xenstore,
                         plan,
                         {.name =
                              [this](const std::set<std::string> &others) {
                                return plan::free_disk_name(plan, others);
                              },
                          .plug = [this](const disk::Disk &disk) -> base::Result<> {
                            if (!plug_fails.empty())
                              return std::unexpected(base::Error(plug_fails, plug_code));
                            plugged.push_back(disk);
                            return {};
                          },
                          .unplug =
                              [this](const std::string &vdev, Done then) {
                                unplugged.push_back(vdev);
                                done = std::move(then);
                              },
                          .leaving = [this] { return leaving; }}};
};

} // namespace linstub::broker
