// SPDX-License-Identifier: MIT
// Source packages from Debian's archive, trusted through its signed indexes.
#pragma once

#include "base/result.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace linstub::image {

struct SourcePackage {
  std::string name;
  std::string version;
  std::filesystem::path description;        // the .dsc
  std::vector<std::filesystem::path> files; // all of its parts, the .dsc among them, sorted
};

// The source package whose files are in `directory`; an error if there is none.
base::Result<SourcePackage> read_source(const std::string &name,
                                        const std::filesystem::path &directory);

// Downloads a source package into `directory` (which must be empty): the given version, or the
// newest one of the suite, its updates and its security updates if `version` is empty. Uses the
// archive and keys of apt's own configuration, but index files of its own in `scratch`: neither
// apt's sources nor its state are changed. What apt says is appended to `log`. apt checks every
// file against the signed indexes.
base::Result<SourcePackage> fetch_source(const std::string &suite, const std::string &name,
                                         const std::string &version,
                                         const std::filesystem::path &directory,
                                         const std::filesystem::path &scratch,
                                         const std::filesystem::path &log);

// Unpacks it, with Debian's patches, to `target`; dpkg-source checks the parts against the .dsc.
base::Result<> unpack_source(const SourcePackage &package, const std::filesystem::path &target,
                             const std::filesystem::path &log);

// The deb-src lines for a suite, of the archives that apt knows on this machine. A fresh root knows
// none before it has read the package lists: then that is done, and `log` gets what apt says. An error
// if there is no archive of the suite.
base::Result<std::string> sources_of_this_machine(const std::string &suite,
                                                  const std::filesystem::path &log);

// The same lines, made of apt's own binary index targets: lines of
// "uri release component key".
std::string source_lines(const std::string &suite, std::string_view index_targets);

} // namespace linstub::image
