// SPDX-License-Identifier: MIT
#include "stub/arguments.hpp"

#include "wire/options.hpp"
#include "wire/paths.hpp"
#include "wire/state_record.hpp"
#include "xen/domid.hpp"
#include "xen/vbd.hpp"

#include <fcntl.h>

#include <algorithm>
#include <optional>

namespace linstub::stub {
namespace {

// libxl's numbers (tools/libs/light/libxl_internal.h, STUBDOM_CONSOLE_*).
constexpr unsigned int save_console = 1;
constexpr unsigned int restore_console = 2;
constexpr std::string_view restore_argument = "$STUBDOM_RESTORE_INCOMING_ARG";

constexpr uint64_t most_nics = 128;

// The number of the NIC whose tap a -netdev names; none if it is no tap.
base::Result<std::optional<unsigned int>> nic_of(const std::string &value) {
  wire::Options options = wire::Options::parse(value);
  if (options.get_implied("type") != "tap")
    return std::nullopt;
  std::string id = options.get_or("id", "");
  if (!id.starts_with("net"))
    return base::fail("-netdev {}: its id must be net<number of the NIC>", value);
  auto number = xen::parse_number(std::string_view(id).substr(3), most_nics);
  return TRY(std::move(number).transform_error(base::doing("-netdev {}: id", value)));
}

// That a -chardev of a TPM names; none if it is another one.
base::Result<std::optional<std::string>> tpm_disk(const std::string &value) {
  constexpr std::string_view directory = "/dev/";
  wire::Options options = wire::Options::parse(value);
  if (options.leader() != wire::tpm_argument)
    return std::nullopt;
  std::string path = options.get_or("path", "");
  if (!path.starts_with(directory) || !xen::is_disk_name(path.substr(directory.size())))
    return base::fail("-chardev {}: \"{}\" is not a disk", value, path);
  return path.substr(directory.size());
}

} // namespace

base::Result<std::vector<std::string>>
translate(std::span<const std::string> arguments, Mode mode, const Handover &handover,
          const std::function<bool(const std::string &)> &files_here) {
  std::vector<std::string> result;
  std::set<unsigned int> nics;
  std::string previous;
  for (const std::string &argument : arguments) {
    std::optional<unsigned int> nic;
    std::optional<std::string> tpm;
    if (previous == "-chardev" && mode == Mode::linstub)
      tpm = TRY(tpm_disk(argument));
    if (previous == "-netdev")
      nic = TRY(nic_of(argument));
    if (nic) {
      if (!nics.insert(*nic).second)
        return base::fail("-netdev {}: NIC {} is named twice", argument, *nic);
      int fd = TRY(handover.tap(*nic).transform_error(base::doing("join NIC {} to QEMU", *nic)));
      result.push_back(base::format("tap,id=net{},fd={}", *nic, fd));
    } else if (tpm) {
      int fd = TRY(handover.tpm(*tpm).transform_error(base::doing("start the TPM on {}", *tpm)));
      result.push_back(
          base::format("socket,id={},fd={}", wire::Options::parse(argument).get_or("id", ""), fd));
    } else if (mode == Mode::libxl && previous == "-incoming" && argument == restore_argument) {
      result.push_back(base::format("fd:{}", TRY(handover.console(restore_console, O_RDONLY))));
    } else if (mode == Mode::linstub && previous == "-incoming" &&
               (argument == wire::incoming_argument || argument == wire::awaited_argument)) {
      const auto when = argument == wire::awaited_argument ? StateComes::later : StateComes::now;
      int fd = TRY(handover.state(when).transform_error(base::doing("restore the saved state")));
      result.push_back(base::format("fd:{}", fd));
    } else {
      if ((previous == "-kernel" || previous == "-initrd") && !files_here(argument))
        return base::fail(
            "{} {}: there is no such file in the stub domain; libxl's own stub domain "
            "mode cannot carry it over, use linstub-dm or boot from a disk",
            previous, argument);
      result.push_back(argument);
    }
    previous = argument;
  }
  if (mode == Mode::libxl) {
    int save = TRY(handover.console(save_console, O_WRONLY));
    result.insert(result.end(), {"-add-fd", base::format("fd={},set=1", save), "-chardev",
                                 base::format("socket,id=linstub-qmp,path={},server=on,wait=off",
                                              wire::qmp_socket),
                                 "-mon", "chardev=linstub-qmp,mode=control"});
  }
  return result;
}

base::Result<std::optional<std::string>> tpm_disk_of(std::span<const std::string> arguments,
                                                     Mode mode) {
  std::string previous;
  for (const std::string &argument : arguments) {
    if (previous == "-chardev" && mode == Mode::linstub) {
      if (auto disk = TRY(tpm_disk(argument)))
        return disk;
    }
    previous = argument;
  }
  return std::nullopt;
}

std::set<std::string> consoles_of(std::span<const std::string> arguments, Mode mode) {
  std::set<std::string> consoles;
  if (mode != Mode::libxl)
    return consoles;
  consoles.insert(base::format("{}", save_console));
  constexpr std::string_view node = "/dev/hvc";
  for (const std::string &argument : arguments) {
    if (argument == restore_argument)
      consoles.insert(base::format("{}", restore_console));
    else if (argument.starts_with(node) && argument.size() > node.size())
      consoles.insert(argument.substr(node.size()));
  }
  return consoles;
}

std::vector<std::string> sockets_of(std::span<const std::string> arguments) {
  std::vector<std::string> known{wire::qmp_socket, wire::vnc_socket};
  for (uint8_t index = 0; index < wire::most_lines; index++)
    known.push_back(wire::serial_socket(index));
  std::erase_if(known, [&](const std::string &path) {
    return std::ranges::none_of(arguments, [&](const std::string &argument) {
      size_t at = argument.find(path);
      return at != std::string::npos &&
             (at + path.size() == argument.size() || argument[at + path.size()] == ',');
    });
  });
  return known;
}

} // namespace linstub::stub
