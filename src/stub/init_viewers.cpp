// SPDX-License-Identifier: MIT
// What Init does for those who look at the guest's screen: they are let in when there is memory for
// them.
#include "stub/init.hpp"

#include <fcntl.h>

namespace linstub::stub {
namespace {

using base::Milliseconds;

// The kernel's balloon driver (drivers/xen/xen-balloon.c).
constexpr const char *target_file = "/sys/devices/system/xen_memory/xen_memory0/target_kb";
constexpr const char *current_file = "/sys/devices/system/xen_memory/xen_memory0/info/current_kb";

constexpr Milliseconds while_they_wait{50};
constexpr Milliseconds longest_wait{4000};

base::Result<uint64_t> read_number(const char *file) {
  std::string text = TRY(base::read_file(file, 32));
  text.resize(text.find_last_not_of('\n') + 1);
  return xen::parse_number(text, UINT32_MAX).transform_error(base::doing("read {}", file));
}

} // namespace

base::Result<Balloon> Init::look_at_balloon() {
  const wire::Memory memory = TRY(read_meminfo());
  Balloon balloon{.target = TRY(read_number(target_file)),
                  .current = TRY(read_number(current_file)),
                  .available = memory.available};
  if (const auto target = lent_->take(viewers_, balloon)) {
    const base::Fd file = TRY(base::open_file(target_file, O_WRONLY));
    TRY(base::write_all(file, std::to_string(*target))
            .transform_error(base::doing("write to {}", target_file)));
  }
  return balloon;
}

// A viewer that gets in without memory may cost the guest its QEMU if the screen is large and the
// viewer slow; one that does not get in cannot be used. The first is told.
void Init::see_to_viewers() {
  viewers_timer_.reset();
  if (!channel_)
    return;
  bool has_room = true;
  if (lent_) {
    const auto balloon = look_at_balloon();
    base::log_failure(balloon, base::LogLevel::warning);
    has_room = balloon && lent_->has_room(*balloon);
  }
  if (!channel_->viewers_wait())
    return admission_.reset();
  if (!admission_)
    admission_ = base::Deadline::after(longest_wait);
  if (!has_room && !admission_->passed()) {
    viewers_timer_ =
        loop_->at(base::Deadline::after(while_they_wait), [this] { see_to_viewers(); });
    return;
  }
  if (!has_room)
    base::log_warning("Xen gives no memory for another viewer of the guest's screen: has the host "
                      "none left? If the stub domain runs short of it, the guest crashes");
  admission_.reset();
  channel_->admit_viewers();
}

} // namespace linstub::stub
