// SPDX-License-Identifier: MIT
// Apart from the reader of the whole, so that linstub-dm has not got that in it.
#include "base/fd.hpp"
#include "manifest/fields.hpp"

namespace linstub::manifest {

base::Result<Identity> parse_identity(std::string_view json) {
  return reading([json] { return identity_of(parse_json(json, Lists::skipped)); });
}

base::Result<Identity> read_identity(const std::string &path) {
  const std::string json = TRY(base::read_file(path, largest_manifest));
  return parse_identity(json).transform_error(base::doing("read {}", path));
}

} // namespace linstub::manifest
