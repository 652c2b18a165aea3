// SPDX-License-Identifier: MIT
#include "tricks.hpp"

#include <algorithm>
#include <array>

namespace linstub::adversary {
namespace {

const std::array tricks{
    // What does not come up.
    Trick{"nothing-at-all", [](Adversary &) { sleep_for_ever(); }, nullptr},
    Trick{"no-hello", [](Adversary &a) { a.manners.say_hello = false; }, nullptr},
    Trick{"no-accept", [](Adversary &a) { a.manners.accept = false; }, nullptr},
    Trick{"no-greeting", [](Adversary &a) { a.manners.greet = false; }, nullptr},
    Trick{"no-answer", [](Adversary &a) { a.manners.answer = false; }, nullptr},
    Trick{"no-credit",
          [](Adversary &a) {
            a.manners.window = 1;
            a.manners.grant = false;
          },
          nullptr},
    // What comes up, and then turns.
    Trick{"flood", nullptr, flood},
    Trick{"log-flood", nullptr, flood_log},
    Trick{"small-frames", nullptr, flood_small_frames},
    Trick{"blanks", nullptr, flood_blanks},
    Trick{"serial-flood", nullptr, flood_serial},
    Trick{"vnc-flood", nullptr, flood_vnc},
    Trick{"credit-drip", [](Adversary &a) { a.manners.window = 4096; }, drip_credit},
    Trick{"credit-exceeded", nullptr, exceed_credit},
    Trick{"credit-withheld", nullptr, stop_granting},
    Trick{"silence", nullptr, fall_silent},
    Trick{"garbage", nullptr, send_garbage},
    Trick{"ring-lies", nullptr, lie_about_the_ring},
    Trick{"kicks", nullptr, kick_dom0},
    Trick{"wrong-ids", nullptr, reply_to_nothing},
    Trick{"event-flood", nullptr, flood_events},
    Trick{"deletion-flood", nullptr, flood_deletions},
    Trick{"endless-message", nullptr, send_endless_message},
    Trick{"late-answers", nullptr, answer_late},
    Trick{"endless-state", save_without_end, nullptr},
    Trick{"whole-disk", save_the_whole_disk, nullptr},
    Trick{"empty-state", save_nothing, nullptr},
    Trick{"store-full", nullptr, fill_the_store},
    Trick{"word-storm", nullptr, storm_of_words},
    Trick{"watch-flood", nullptr, flood_watches},
    Trick{"others-nodes", nullptr, write_what_is_others},
    Trick{"frontend-states", nullptr, play_with_frontends},
    Trick{"frontends-deleted", nullptr, delete_frontends},
    Trick{"console-flood", nullptr, flood_console},
    Trick{"memory", nullptr, take_memory},
    Trick{"suspend", nullptr, pretend_to_suspend},
    Trick{"pci-pretends", nullptr, pretend_to_have_devices},
    Trick{"pci-keeps", nullptr, keep_devices},
    Trick{"event-storm", nullptr, storm_of_events},
    Trick{"hypercalls", nullptr, try_every_hypercall},
    Trick{"hypercalls-of-qemu", nullptr, try_as_qemu},
    Trick{"hypercalls-of-a-spares-qemu", nullptr, try_as_qemu_of_a_spare},
    Trick{"calls", nullptr, lie_in_calls},
};

} // namespace

const Trick *find_trick(std::string_view name) {
  const auto *trick = std::ranges::find(tricks, name, &Trick::name);
  return trick == tricks.end() ? nullptr : trick;
}

} // namespace linstub::adversary
