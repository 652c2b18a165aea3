// SPDX-License-Identifier: MIT
#include "base/log.hpp"

#include <unistd.h>

#include <array>
#include <string>
#include <utility>

namespace linstub::base {
namespace {

constexpr std::array<std::pair<std::string_view, LogLevel>, 4> levels{{
    {"error", LogLevel::error},
    {"warning", LogLevel::warning},
    {"info", LogLevel::info},
    {"debug", LogLevel::debug},
}};

constexpr size_t longest_line = 4096;

struct Settings {
  std::string_view program = "linstub";
  LogLevel most = LogLevel::info;
  LogSink sink = nullptr;
  void *context = nullptr;
  LogGate gate = nullptr;
  void *gate_context = nullptr;
};

constinit Settings settings; // of one thread

bool passes_gate(std::string_view line) {
  const LogGate gate = std::exchange(settings.gate, nullptr);
  if (gate == nullptr)
    return true;
  const bool passes = gate(settings.gate_context, line);
  settings.gate = gate;
  return passes;
}

void write_line(std::string line) {
  if (settings.sink != nullptr)
    settings.sink(settings.context, line);
  line.push_back('\n');
  // A log that cannot be written has nowhere to say so.
  [[maybe_unused]] ssize_t put = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace

bool parse_log_level(std::string_view name, LogLevel &level) {
  for (const auto &[known, value] : levels) {
    if (known == name) {
      level = value;
      return true;
    }
  }
  return false;
}

void set_log(std::string_view program, LogLevel most) {
  settings.program = program;
  settings.most = most;
}

void set_log_sink(LogSink sink, void *context) {
  settings.sink = sink;
  settings.context = context;
}

void set_log_gate(LogGate gate, void *context) {
  settings.gate = gate;
  settings.gate_context = context;
}

void relay_log_line(std::string_view line) { write_line(printable(line, longest_line)); }

bool log_enabled(LogLevel level) { return level <= settings.most; }

void log_line(LogLevel level, std::string_view text) {
  std::string line(settings.program);
  line.append(": ");
  if (level != LogLevel::info)
    line.append(levels.at(static_cast<size_t>(level)).first).append(": ");
  line.append(printable(text, longest_line));
  if (passes_gate(line))
    write_line(std::move(line));
}

void log_failure(const Error &error, LogLevel level) {
  if (log_enabled(level))
    log_line(level, error.message());
}

std::string printable(std::string_view text, size_t limit) {
  std::string clean(text.substr(0, limit));
  for (char &c : clean) {
    if (c < 0x20 || c > 0x7e)
      c = '?';
  }
  return clean;
}

} // namespace linstub::base
