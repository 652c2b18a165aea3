// SPDX-License-Identifier: MIT
#include "bench/minios.hpp"

#include "lab/guest_run.hpp"

#include <array>

namespace linstub::bench {
namespace {

using base::Result;
using std::chrono::seconds;
namespace fs = std::filesystem;

struct File {
  const char *name;
  const char *what;
};
constexpr std::array files{
    File{"ioemu-stubdom.gz", "the stub domain: MiniOS and the traditional QEMU"},
    File{"hvmloader", "Xen's hvmloader, configured with --enable-rombios"},
    File{"qemu-dm", "the traditional QEMU for dom0, which serves the stub domain's consoles"},
};

constexpr auto copy_limit = seconds(120);
constexpr auto command_limit = seconds(60);

// libxl looks for qemu-dm among Xen's private programs, and nowhere else.
constexpr const char *install = R"sh(
to=$(dirname "$(ls /usr/lib/xen-*/bin/xenconsole /usr/libexec/xen/bin/xenconsole 2>/dev/null | sort -V | tail -n 1)")/qemu-dm
[ ! -e "$to" ] || [ -e /run/lab-bench-minios ] || { echo "$to is there already: libxl would use it" >&2; exit 1; }
echo "$to" >> /run/lab-bench-minios
chmod 755 $from/qemu-dm && cp $from/qemu-dm "$to"
# It ends without its keyboard layouts. Debian's QEMU has the same.
data=/usr/share/xen/qemu
[ -e $data ] || { mkdir -p ${data%/*} && ln -s /usr/share/qemu $data && echo $data >> /run/lab-bench-minios; }
)sh";

} // namespace

Result<> check_minios(const fs::path &directory) {
  if (directory.empty())
    return base::fail("the contender minios needs files that are not Linstub's: name their "
                      "directory with --minios");
  for (const File &file : files) {
    std::error_code error;
    if (!fs::is_regular_file(directory / file.name, error))
      return base::fail("{} is not there: {}. The contender minios needs it; docs/benchmarks.md "
                        "says where it comes from",
                        (directory / file.name).string(), file.what);
  }
  return {};
}

Result<> put_minios(const lab::Host &host, const fs::path &directory) {
  TRY(check_minios(directory));
  TRY(host.check(base::format("mkdir -p {}", lab::minios_directory), command_limit));
  for (const File &file : files)
    TRY(host.put(directory / file.name, base::format("{}/{}", lab::minios_directory, file.name),
                 copy_limit));
  TRY(host.check(base::format("from={}\n{}", lab::minios_directory, install), command_limit));
  return {};
}

Result<> remove_minios(const lab::Host &host) {
  TRY(host.check(base::format("[ ! -e /run/lab-bench-minios ] || xargs rm -f "
                              "</run/lab-bench-minios; rm -rf /run/lab-bench-minios {}",
                              lab::minios_directory),
                 command_limit));
  return {};
}

} // namespace linstub::bench
