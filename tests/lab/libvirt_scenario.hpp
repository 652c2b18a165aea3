// SPDX-License-Identifier: MIT
// LibvirtScenario: a guest that libvirt runs, on a host with libvirtd and with AppArmor's profile
// of it enforced.
#pragma once

#include "scenario.hpp"

namespace linstub::lab {

// A guest as libvirt is told of it.
struct LibvirtGuest {
  std::string name;
  bool stock = false;  // Debian's kernel with its PV drivers; else the tiny one
  std::string options; // further ones, for its kernel
  std::string devices; // further XML
  std::string on_crash = "destroy";
  std::string vcpus = "<vcpu>1</vcpu>";
  std::string commandline; // what libvirt cannot say: QEMU's arguments, as XML
};

// The domain's XML. Its emulator is linstub-dm.
std::string domain_xml(const LibvirtGuest &guest);

class LibvirtScenario : public Scenario {
public:
  // virsh, which has to succeed: what it says.
  std::string virsh(const std::string &command);

  // Has libvirt define the guest and start it.
  void define(const LibvirtGuest &guest);
  void start(const LibvirtGuest &guest);

  // The guest, as soon as it is at its prompt.
  GuestRun ready(const std::string &name);

  // From now on what `virsh event` says of a domain, in a file of dom0; the text until it has come,
  // or until it has not come in time.
  void listen();
  std::string heard(const std::string &event, base::Milliseconds limit);

  // What AppArmor has denied, as the kernel says it, since the scenario began.
  std::string denied();

protected:
  void SetUp() override;
  void TearDown() override;
};

} // namespace linstub::lab
