// SPDX-License-Identifier: MIT
// Words, numbers and lines that a stub domain writes into xenstore or its log, and the options of
// libxl's arguments.
#include "base/log.hpp"
#include "wire/guest_call.hpp"
#include "wire/leaving_disks.hpp"
#include "wire/memory.hpp"
#include "wire/options.hpp"
#include "xen/domid.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace linstub;
  const std::string_view text(reinterpret_cast<const char *>(data), size);
  // A number that was understood is one that is written like that.
  for (uint64_t most : {uint64_t{8}, uint64_t{UINT32_MAX}, UINT64_MAX}) {
    auto number = xen::parse_number(text, most);
    if (number && (*number > most || std::to_string(*number) != text))
      std::abort();
  }
  if (auto domid = xen::parse_domid(text)) {
    if (xen::number(*domid) >= xen::first_reserved_domid ||
        std::to_string(xen::number(*domid)) != text)
      std::abort();
  }
  const std::string shown = base::printable(text, 512);
  for (char c : shown) {
    if (c < 0x20 || c > 0x7e)
      std::abort();
  }
  if (shown.size() > 512)
    std::abort();
  // Options that were parsed and written are the same when they are parsed again.
  const wire::Options options = wire::Options::parse(text);
  if (wire::Options::parse(options.text()).text() != options.text())
    std::abort();
  if (const auto memory = wire::decode_memory(text)) {
    if (wire::encode(*memory) != text || memory->available > memory->total)
      std::abort();
  }
  // A call means one thing, which is written in one way.
  if (const auto call = wire::decode_numbered_call(text); call && wire::encode(*call) != text)
    std::abort();
  if (const auto answer = wire::decode_call_answer(text); answer && wire::encode(*answer) != text)
    std::abort();
  if (const auto disks = wire::decode_leaving_disks(text); disks && wire::encode(*disks) != text)
    std::abort();
  return 0;
}
