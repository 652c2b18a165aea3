// SPDX-License-Identifier: MIT
// Commands: the QMP commands that linstub-dm does itself, since they concern dom0, of which QEMU in
// the stub domain knows nothing. They are those that qmp/policy.hpp marks with Action::answer, and
// those that concern the password of VNC, if QEMU has none to do with viewers
// (Monitor::Owner::keeps).
#pragma once

#include "dm/fd_sets.hpp"
#include "dm/guest_services.hpp"
#include "dm/life.hpp"
#include "dm/media.hpp"
#include "dm/saver.hpp"
#include "dm/stub_link.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace linstub::dm {

class Commands {
public:
  // All must outlive it.
  Commands(const Life &life, StubLink &link, GuestServices &services, Saver &saver, Media &media)
      : life_(life), link_(link), services_(services), saver_(saver), media_(media) {}

  // `received` is a descriptor that came with the command, if one did. `answer` is called once, now
  // or later.
  void execute(const qmp::Command &command, base::Fd received, const Monitor::Answer &answer);

  // The names of all of them.
  static std::vector<std::string_view> names();

private:
  struct Request {
    const qmp::Command &command;
    base::Fd received;
    const Monitor::Answer &answer;
  };
  void query_vnc(Request request);
  void query_chardev(Request request);
  void set_vnc_password(Request request);
  void expire_vnc_password(Request request);
  void add_fd(Request request);
  void remove_fd(Request request);
  void save_state(Request request);
  void go_on(Request request);
  void eject(Request request);
  void change_medium(Request request);

  // When it can be done: some need a QEMU that serves.
  enum class When : uint8_t { always, serving };
  struct Entry {
    std::string_view name;
    When when{};
    void (Commands::*run)(Request request);
  };
  static const std::array<Entry, 12> table;

  // The file that a command's "filename" names: /dev/fdset/N.
  base::Result<const base::Fd *> named_file(const qmp::Command &command) const;

  const Life &life_;
  StubLink &link_;
  GuestServices &services_;
  Saver &saver_;
  Media &media_;
  FdSets fd_sets_;
};

} // namespace linstub::dm
