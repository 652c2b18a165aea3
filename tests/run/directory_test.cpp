// SPDX-License-Identifier: MIT
#include "base/fd.hpp"
#include "run/control_socket.hpp"
#include "run/directory.hpp"
#include "run/status.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace linstub::run {
namespace {

bool exists(const std::string &path) { return ::access(path.c_str(), F_OK) == 0; }

TEST(RunDirectory, IsMadeOnce) {
  std::filesystem::remove_all(directory());
  EXPECT_TRUE(make_directory());
  EXPECT_TRUE(exists(directory()));
  EXPECT_TRUE(make_directory());
  EXPECT_STREQ(host_directory, "/run/linstub");
}

TEST(RunDirectory, LosesAllOfADeadLinstubDmsButTheStatus) {
  ASSERT_TRUE(make_directory());
  const std::vector<std::string> gone{control_path(xen::DomId{7}), path_of(xen::DomId{7}, "xvdb")};
  // Of its stub domains nobody else knows, until they are gone.
  const std::vector<std::string> kept{path_of(xen::DomId{70}, "xvdb"), status_path("7-zip"),
                                      path_of(xen::DomId{7}, "stub-00112233")};
  for (const auto &paths : {gone, kept}) {
    for (const std::string &path : paths)
      ASSERT_TRUE(base::replace_file(path, "x"));
  }
  remove_files(xen::DomId{7});
  for (const std::string &path : gone)
    EXPECT_FALSE(exists(path)) << path;
  for (const std::string &path : kept)
    EXPECT_TRUE(exists(path)) << path;
}

} // namespace
} // namespace linstub::run
