// SPDX-License-Identifier: MIT
// The tricks: what a stub domain that was taken over tries.
//
// Which one is played says the option linstub.trick=NAME on the kernel's command line (the setting
// kernel-options). All but those that fail to come up wait for the node linstub/go, which the
// scenario writes when it has looked at dom0 as it was before.
#pragma once

#include "adversary.hpp"

#include <string_view>

namespace linstub::adversary {

struct Trick {
  std::string_view name;
  void (*spoil)(Adversary &); // what is wrong from the start; null: nothing
  void (*play)(Adversary &);  // after the word to go; null: it behaves. May never return
};

// Null if there is none of that name.
const Trick *find_trick(std::string_view name);

// Channel.
void flood(Adversary &adversary);
void flood_log(Adversary &adversary);
void flood_small_frames(Adversary &adversary);
void flood_blanks(Adversary &adversary);
void flood_serial(Adversary &adversary);
void flood_vnc(Adversary &adversary);
void drip_credit(Adversary &adversary);
void exceed_credit(Adversary &adversary);
void stop_granting(Adversary &adversary);
void fall_silent(Adversary &adversary);
void send_garbage(Adversary &adversary);
void lie_about_the_ring(Adversary &adversary);
void kick_dom0(Adversary &adversary);
// QMP.
void reply_to_nothing(Adversary &adversary);
void flood_events(Adversary &adversary);
void flood_deletions(Adversary &adversary);
void send_endless_message(Adversary &adversary);
void answer_late(Adversary &adversary);
// Saves.
void save_without_end(Adversary &adversary);
void save_the_whole_disk(Adversary &adversary);
void save_nothing(Adversary &adversary);
// Xenstore.
void fill_the_store(Adversary &adversary);
void storm_of_words(Adversary &adversary);
void lie_in_calls(Adversary &adversary);
void flood_watches(Adversary &adversary);
void write_what_is_others(Adversary &adversary);
// Devices and the domain itself.
void play_with_frontends(Adversary &adversary);
void delete_frontends(Adversary &adversary);
void flood_console(Adversary &adversary);
void take_memory(Adversary &adversary);
void pretend_to_suspend(Adversary &adversary);
// PCI devices.
void pretend_to_have_devices(Adversary &adversary);
void keep_devices(Adversary &adversary);
// Hypercalls.
void storm_of_events(Adversary &adversary);
void try_every_hypercall(Adversary &adversary);
void try_as_qemu(Adversary &adversary);
void try_as_qemu_of_a_spare(Adversary &adversary);

} // namespace linstub::adversary
