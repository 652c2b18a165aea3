// SPDX-License-Identifier: MIT
#include "sys/netlink.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>

namespace linstub::sys {
namespace {

constexpr timeval answer_timeout{.tv_sec = 5, .tv_usec = 0};

// A request that changes a link.
NetlinkMessage change_of(uint16_t type, unsigned int link, unsigned int flags = 0,
                         unsigned int which = 0) {
  NetlinkMessage message(type, NLM_F_REQUEST | NLM_F_ACK);
  ifinfomsg info{};
  info.ifi_index = static_cast<int>(link);
  info.ifi_flags = flags;
  info.ifi_change = which;
  message.fixed(info);
  return message;
}

void store_length(std::vector<std::byte> &bytes, size_t at, auto length) {
  std::memcpy(bytes.data() + at, &length, sizeof length);
}

} // namespace

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  append(&header, sizeof header);
}

void NetlinkMessage::append(const void *data, size_t size) {
  const auto *from = static_cast<const std::byte *>(data);
  bytes_.insert(bytes_.end(), from, from + size);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void NetlinkMessage::attribute(uint16_t type, const void *data, size_t size) {
  rtattr header{.rta_len = static_cast<uint16_t>(RTA_LENGTH(size)), .rta_type = type};
  append(&header, sizeof header);
  append(data, size);
}

void NetlinkMessage::attribute(uint16_t type, const std::string &text) {
  attribute(type, text.c_str(), text.size() + 1);
}

void NetlinkMessage::attribute(uint16_t type, uint32_t number) {
  attribute(type, &number, sizeof number);
}

size_t NetlinkMessage::begin(uint16_t type) {
  size_t start = bytes_.size();
  attribute(type, nullptr, 0);
  return start;
}

void NetlinkMessage::end(size_t nested) {
  store_length(bytes_, nested, static_cast<uint16_t>(bytes_.size() - nested));
}

const std::vector<std::byte> &NetlinkMessage::bytes() {
  store_length(bytes_, offsetof(nlmsghdr, nlmsg_len), static_cast<uint32_t>(bytes_.size()));
  return bytes_;
}

base::Result<Route> Route::open() {
  base::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket)
    return base::fail_errno(errno, "open a netlink socket");
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_timeout, sizeof answer_timeout) !=
      0)
    return base::fail_errno(errno, "set the deadline of a netlink socket");
  return Route(std::move(socket));
}

base::Result<> Route::request(NetlinkMessage &message) {
  const std::vector<std::byte> &bytes = message.bytes();
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0)
    return base::fail_errno(errno, "send a netlink request");
  // With NLM_F_ACK the kernel answers each of our requests with one error message, 0 for success.
  struct {
    nlmsghdr header;
    nlmsgerr answer;
    std::array<std::byte, 1024> rest;
  } reply{};
  ssize_t got = ::recv(socket_.get(), &reply, sizeof reply, 0);
  if (got < 0)
    return base::fail_errno(errno, "receive a netlink answer");
  if (got < static_cast<ssize_t>(sizeof reply.header + sizeof reply.answer.error) ||
      reply.header.nlmsg_type != NLMSG_ERROR)
    return base::fail("an unexpected netlink answer");
  if (reply.answer.error != 0)
    return std::unexpected(base::Error(base::errno_text(-reply.answer.error), -reply.answer.error));
  return {};
}

base::Result<> Route::set_flags(unsigned int link, unsigned int flags) {
  return change_flags(link, flags, flags)
      .transform_error(base::doing("set flags {:#x} of link {}", flags, link));
}

base::Result<> Route::clear_flags(unsigned int link, unsigned int flags) {
  return change_flags(link, flags, 0)
      .transform_error(base::doing("clear flags {:#x} of link {}", flags, link));
}

base::Result<> Route::change_flags(unsigned int link, unsigned int which, unsigned int to) {
  NetlinkMessage message = change_of(RTM_NEWLINK, link, to, which);
  return request(message);
}

base::Result<> Route::set_queue(unsigned int link, uint32_t frames) {
  NetlinkMessage message = change_of(RTM_NEWLINK, link);
  message.attribute(IFLA_TXQLEN, frames);
  return request(message).transform_error(
      base::doing("let {} frames wait at link {}", frames, link));
}

base::Result<> Route::set_mtu(unsigned int link, uint32_t bytes) {
  NetlinkMessage message = change_of(RTM_NEWLINK, link);
  message.attribute(IFLA_MTU, bytes);
  return request(message).transform_error(base::doing("set the MTU of link {} to {}", link, bytes));
}

base::Result<> Route::set_master(unsigned int link, unsigned int master) {
  NetlinkMessage message = change_of(RTM_NEWLINK, link);
  message.attribute(IFLA_MASTER, uint32_t{master});
  return request(message).transform_error(
      base::doing("make link {} a port of link {}", link, master));
}

base::Result<> Route::redirect(unsigned int from, unsigned int to) {
  constexpr uint16_t create = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  constexpr uint16_t first_action = 1;
  const auto doing = base::doing("redirect link {} to link {}", from, to);

  tcmsg where{};
  where.tcm_ifindex = static_cast<int>(from);
  where.tcm_parent = TC_H_INGRESS;
  where.tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0);
  NetlinkMessage ingress(RTM_NEWQDISC, create);
  ingress.fixed(where);
  ingress.attribute(TCA_KIND, std::string("ingress"));
  TRY(request(ingress).transform_error(doing));

  where.tcm_parent = where.tcm_handle;
  where.tcm_handle = 0;
  where.tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL)); // priority and protocol
  tc_mirred action{};
  action.action = TC_ACT_STOLEN;
  action.eaction = TCA_EGRESS_REDIR;
  action.ifindex = to;
  NetlinkMessage filter(RTM_NEWTFILTER, create);
  filter.fixed(where);
  filter.attribute(TCA_KIND, std::string("matchall"));
  const size_t options = filter.begin(TCA_OPTIONS);
  const size_t actions = filter.begin(TCA_MATCHALL_ACT);
  const size_t mirred = filter.begin(first_action);
  filter.attribute(TCA_ACT_KIND, std::string("mirred"));
  const size_t how = filter.begin(TCA_ACT_OPTIONS);
  filter.attribute(TCA_MIRRED_PARMS, &action, sizeof action);
  filter.end(how);
  filter.end(mirred);
  filter.end(actions);
  filter.end(options);
  return request(filter).transform_error(doing);
}

base::Result<> Route::rename(unsigned int link, const std::string &name) {
  NetlinkMessage message = change_of(RTM_SETLINK, link);
  message.attribute(IFLA_IFNAME, name);
  return request(message).transform_error(base::doing("rename link {} to {}", link, name));
}

base::Result<unsigned int> link_index(const std::string &name) {
  unsigned int index = ::if_nametoindex(name.c_str());
  if (index == 0)
    return base::fail_errno(errno, "find link {}", name);
  return index;
}

} // namespace linstub::sys
