// SPDX-License-Identifier: MIT
// FdSets: descriptors that QMP clients in dom0 have passed with "add-fd", by the number of their
// set, as QEMU keeps them (qapi/misc.json). They stand for files of dom0 and stay here: what QEMU
// would do with one, linstub-dm does.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace linstub::dm {

class FdSets {
public:
  static constexpr size_t most = 16;

  struct Entry {
    base::Fd fd;
    std::string opaque; // what the client says of it
  };

  // Returns the number of the new set.
  base::Result<uint32_t> add(base::Fd fd, std::string opaque);

  // The descriptor of a "/dev/fdset/<number>".
  base::Result<const Entry *> find(std::string_view path) const;

  // That there is no such set is an error, as with QEMU.
  base::Result<> remove(uint64_t number);

private:
  std::map<uint64_t, Entry> sets_;
  uint32_t next_ = 1;
};

} // namespace linstub::dm
