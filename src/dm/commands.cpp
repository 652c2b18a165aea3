// SPDX-License-Identifier: MIT
#include "dm/commands.hpp"

#include <algorithm>
#include <utility>

namespace linstub::dm {

using base::Result;

constexpr std::array<Commands::Entry, 12> Commands::table{{
    {"query-vnc", When::always, &Commands::query_vnc},
    {"query-chardev", When::always, &Commands::query_chardev},
    {"change-vnc-password", When::always, &Commands::set_vnc_password},
    {"set_password", When::always, &Commands::set_vnc_password},
    {"expire_password", When::always, &Commands::expire_vnc_password},
    {"add-fd", When::always, &Commands::add_fd},
    {"remove-fd", When::always, &Commands::remove_fd},
    {"xen-save-devices-state", When::serving, &Commands::save_state},
    {"cont", When::serving, &Commands::go_on},
    {"human-monitor-command", When::serving, &Commands::go_on},
    {"eject", When::serving, &Commands::eject},
    {"blockdev-change-medium", When::serving, &Commands::change_medium},
}};

std::vector<std::string_view> Commands::names() {
  std::vector<std::string_view> names;
  std::ranges::transform(table, std::back_inserter(names), &Entry::name);
  return names;
}

void Commands::execute(const qmp::Command &command, base::Fd received,
                       const Monitor::Answer &answer) {
  const auto *entry = std::ranges::find(table, command.name, &Entry::name);
  if (entry == table.end())
    return answer(base::fail("linstub-dm does not know the command"));
  if (entry->when == When::serving && life_.phase != Phase::serving)
    return answer(base::fail("{}", being_replaced));
  (this->*entry->run)({.command = command, .received = std::move(received), .answer = answer});
}

void Commands::query_vnc(Request request) { request.answer(services_.query_vnc()); }

void Commands::query_chardev(Request request) { request.answer(services_.query_chardev()); }

void Commands::set_vnc_password(Request request) {
  if (!services_.keeps_password())
    return request.answer(base::fail("QEMU has the password of VNC"));
  auto password = qmp::string_member(request.command.arguments, "password");
  if (!password)
    return request.answer(base::fail("Parameter 'password' is missing"));
  request.answer(services_.set_password(*password).transform([] { return std::string("{}"); }));
}

void Commands::expire_vnc_password(Request request) {
  request.answer(base::fail("with display = \"pixels\" the password of VNC does not expire: set "
                            "another one"));
}

void Commands::add_fd(Request request) {
  if (!request.received)
    return request.answer(base::fail("No file descriptor supplied via SCM_RIGHTS"));
  auto opaque = qmp::string_member(request.command.arguments, "opaque");
  auto number = fd_sets_.add(std::move(request.received), opaque.value_or(""));
  request.answer(number.transform(
      [](uint32_t set) { return base::format(R"({{"fdset-id":{},"fd":{}}})", set, set); }));
}

void Commands::remove_fd(Request request) {
  auto number = qmp::number_member(request.command.arguments, "fdset-id");
  auto removed = fd_sets_.remove(number.value_or(UINT64_MAX));
  request.answer(removed.transform([] { return std::string("{}"); }));
}

Result<const base::Fd *> Commands::named_file(const qmp::Command &command) const {
  std::string name = qmp::string_member(command.arguments, "filename").value_or("");
  return &TRY(fd_sets_.find(name))->fd;
}

void Commands::save_state(Request request) {
  auto target = named_file(request.command);
  if (!target)
    return request.answer(std::unexpected(std::move(target).error()));
  saver_.save_for_toolstack(request.command, **target, request.answer);
}

// Of the human monitor's commands only that one gets here. It answers with what is to be printed.
void Commands::go_on(Request request) {
  const bool human = request.command.name != "cont";
  saver_.go_on([human, answer = request.answer](const Result<> &gone_on) {
    answer(gone_on.transform([human] { return std::string(human ? R"("")" : "{}"); }));
  });
}

void Commands::eject(Request request) {
  link_.wake();
  media_.eject(request.command.arguments, request.answer);
}

void Commands::change_medium(Request request) {
  auto medium = named_file(request.command);
  if (!medium)
    return request.answer(std::unexpected(std::move(medium).error()));
  link_.wake();
  media_.change(request.command.arguments, **medium, request.answer);
}

} // namespace linstub::dm
