// SPDX-License-Identifier: MIT
// A directory of a test's own, and in it a program in place of linstub-stubdom: a shell script that
// notes how it was called and does what the test has said.
#pragma once

#include "base/fd.hpp"
#include "base/format.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace linstub::fake {

class Directory {
public:
  Directory() = default;
  ~Directory() { std::filesystem::remove_all(path_); }
  Directory(const Directory &) = delete;
  Directory &operator=(const Directory &) = delete;

  [[nodiscard]] std::string path(std::string_view name = {}) const {
    return base::format("{}/{}", path_, name);
  }
  // Makes a file there; its path.
  std::string put(std::string_view name, std::string_view content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }
  [[nodiscard]] std::string get(std::string_view name) const {
    constexpr size_t most = 1 << 20;
    return base::read_file(path(name), most).value_or("");
  }

private:
  static std::string make() {
    char name[] = "/tmp/dm_test.XXXXXX";
    return ::mkdtemp(name);
  }
  std::string path_ = make();
};

class Program {
public:
  Program() {
    std::string text = base::format("#!/bin/sh\ncd {}\n", directory_.path());
    text += R"(echo $$ > pid
[ "$1" = create ] && cat > input
echo "$@" >> calls
while [ -e hold ]; do sleep 0.02; done
cat errors >&2
cat output
exit $(cat status)
)";
    directory_.put("errors", "");
    ends(0);
    directory_.put("program", text);
    ::chmod(path().c_str(), 0700);
  }

  [[nodiscard]] std::string path() const { return directory_.path("program"); }

  // How its calls end from now on.
  void ends(int status, std::string_view output = {}, std::string_view errors = {}) const {
    directory_.put("status", std::to_string(status));
    directory_.put("output", output);
    directory_.put("errors", errors);
  }
  // Its calls do not end before let_go().
  void hold() const { directory_.put("hold", ""); }
  void let_go() const { std::filesystem::remove(directory_.path("hold")); }

  // The arguments of each call.
  [[nodiscard]] std::vector<std::string> calls() const {
    std::ifstream file(directory_.path("calls"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
      lines.push_back(line);
    return lines;
  }
  void forget_calls() const { std::filesystem::remove(directory_.path("calls")); }
  [[nodiscard]] std::string input() const { return directory_.get("input"); } // of "create"
  [[nodiscard]] int last_pid() const { return std::atoi(directory_.get("pid").c_str()); }

private:
  Directory directory_;
};

} // namespace linstub::fake
