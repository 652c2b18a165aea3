// SPDX-License-Identifier: MIT
// The log: lines on standard error, each with the program's name and a level.
//
//     linstub-dm: warning: vnc: client 127.0.0.1 closed before it was served
//
// A line is written with one write(2), so that lines of several processes do not mix. A write
// that fails or would block drops the line: nothing waits for its log. Not for use between fork
// and exec.
#pragma once

#include "base/format.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace linstub::base {

enum class LogLevel { error, warning, info, debug };

// The parsed name of a level ("error", "warning", "info", "debug"); false if it is none.
bool parse_log_level(std::string_view name, LogLevel &level);

// Sets what the process calls itself and the most detailed level that is written. Call once, at
// the start; `program` must outlive the process (a literal).
void set_log(std::string_view program, LogLevel most);

bool log_enabled(LogLevel level);

// Also gives each line, without its newline, to `sink` (nullptr: to nobody). It must not log.
using LogSink = void (*)(void *context, std::string_view line);
void set_log_sink(LogSink sink, void *context);

// Asks `gate` before each line whether it may be written; nullptr: all may. What it logs itself it
// is not asked about.
using LogGate = bool (*)(void *context, std::string_view line);
void set_log_gate(LogGate gate, void *context);

// Writes a line of another process as it is, but for bytes that are not printable. No gate.
void relay_log_line(std::string_view line);

// Writes one line. Bytes that are not printable ASCII (control characters above all) become '?', so
// that what a stub domain says cannot steer the terminal that shows the log.
void log_line(LogLevel level, std::string_view text);

template <class... Args>
void log(LogLevel level, FormatString<Args...> text, Args &&...args) {
  if (log_enabled(level))
    log_line(level, base::format(text, std::forward<Args>(args)...));
}

template <class... Args>
void log_error(FormatString<Args...> text, Args &&...args) {
  log(LogLevel::error, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_warning(FormatString<Args...> text, Args &&...args) {
  log(LogLevel::warning, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(FormatString<Args...> text, Args &&...args) {
  log(LogLevel::info, text, std::forward<Args>(args)...);
}
template <class... Args>
void log_debug(FormatString<Args...> text, Args &&...args) {
  log(LogLevel::debug, text, std::forward<Args>(args)...);
}

// Says that something has failed, for a caller that can do no more about it; nothing if it has not.
//
//     log_failure(remove_loop(loop), LogLevel::warning);
//     log_failure(serve(client).transform_error(doing("monitor {}", path)));
void log_failure(const Error &error, LogLevel level = LogLevel::error);
template <class T>
void log_failure(const Result<T> &result, LogLevel level = LogLevel::error) {
  if (!result)
    log_failure(result.error(), level);
}

// `text` with control characters and bytes outside ASCII replaced by '?', cut to `limit` bytes.
// For every text of a stub domain that is shown to a person.
std::string printable(std::string_view text, size_t limit);

} // namespace linstub::base
