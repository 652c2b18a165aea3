// SPDX-License-Identifier: MIT
#include "disk/qcow2.hpp"

namespace linstub::disk {
namespace {

using base::fail;
using base::Result;
using Bytes = std::span<const std::byte, qcow2_header_size>;

constexpr uint32_t magic = 0x514649fb;

// Where the fields are.
constexpr size_t version_at = 4;
constexpr size_t backing_file_at = 8;
constexpr size_t cluster_bits_at = 20;
constexpr size_t size_at = 24;
constexpr size_t encryption_at = 32;
constexpr size_t snapshots_at = 60;
constexpr size_t incompatible_at = 72; // from version 3 on

// Features without which an image cannot be read.
constexpr uint64_t dirty = 1 << 0;
constexpr uint64_t corrupt = 1 << 1;
constexpr uint64_t external_data = 1 << 2;
constexpr uint64_t other_compression = 1 << 3;
constexpr uint64_t extended_tables = 1 << 4;
constexpr uint64_t served = dirty | corrupt | other_compression | extended_tables;

template <class Number>
Number field(Bytes bytes, size_t at) {
  Number number = 0;
  for (const std::byte byte : bytes.subspan(at, sizeof(Number)))
    number = static_cast<Number>((number << 8) | std::to_integer<Number>(byte));
  return number;
}

// An administrator who is told to make such an image whole would copy a file of dom0's, that the
// guest has chosen, into the guest's disk.
std::unexpected<base::Error> names_another_file(std::string_view what) {
  return fail(
      "it is refused, because it names {}. A stub domain has no file but the image, and the "
      "name is the guest's choice, since its QEMU writes the header: do not trust it, and "
      "do not convert, flatten or mount the image in dom0, for that would copy the named "
      "file of dom0 into the guest. If you have made the image like this yourself, make it "
      "again from your own files: one that stands alone",
      what);
}

Result<> check_features(uint64_t features) {
  if ((features & external_data) != 0)
    return names_another_file("an external data file");
  if ((features & ~served) != 0)
    return fail("it has features that are not served (incompatible_features is {:#x})", features);
  return {};
}

} // namespace

Result<Qcow2Header> parse_qcow2(Bytes bytes) {
  if (field<uint32_t>(bytes, 0) != magic)
    return fail("it is not a qcow2 image");
  const auto version = field<uint32_t>(bytes, version_at);
  if (version != 2 && version != 3)
    return fail("it is a qcow2 image of version {}: 2 and 3 are served", version);
  if (field<uint64_t>(bytes, backing_file_at) != 0)
    return names_another_file("a backing file");
  if (field<uint32_t>(bytes, encryption_at) != 0)
    return fail(
        "it is encrypted, which is not served: its key would have to be in the stub domain");
  if (version == 3)
    TRY(check_features(field<uint64_t>(bytes, incompatible_at)));
  const auto cluster_bits = field<uint32_t>(bytes, cluster_bits_at);
  if (cluster_bits < 9 || cluster_bits > 21)
    return fail("it says that a cluster has 2^{} bytes", cluster_bits);
  const auto size = field<uint64_t>(bytes, size_at);
  if (size > largest_qcow2)
    return fail("it says that it has {} bytes", size);
  return Qcow2Header{.snapshots = field<uint32_t>(bytes, snapshots_at), .virtual_size = size};
}

} // namespace linstub::disk
