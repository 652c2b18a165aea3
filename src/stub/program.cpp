// SPDX-License-Identifier: MIT
#include "stub/program.hpp"

#include "sys/confine.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>

namespace linstub::stub {

base::Result<std::unique_ptr<Program>> Program::start(base::EventLoop &loop, base::Command command,
                                                      Callbacks callbacks) {
  base::Pipe output = TRY(base::make_pipe());
  TRY(base::set_nonblocking(output.read));
  command.standard_output = output.write.get();
  command.standard_error = output.write.get();
  sys::close_all_on_exec();

  std::unique_ptr<Program> program(new Program(std::move(callbacks)));
  program->child_ = TRY(base::start(command));
  program->output_ = std::move(output.read);
  program->output_watch_ = TRY(loop.watch(
      program->output_.get(), EPOLLIN, [self = program.get()](uint32_t) { self->read_output(); }));
  program->end_watch_ = TRY(loop.watch(program->child_.pidfd().get(), EPOLLIN,
                                       [self = program.get()](uint32_t) { self->check_end(); }));
  return program;
}

void Program::kill() { child_.kill(SIGKILL); }

void Program::read_output() {
  std::array<char, 4096> buffer;
  ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
  if (got > 0) {
    lines_.feed(std::string_view(buffer.data(), static_cast<size_t>(got)));
  } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
    lines_.finish();
    output_watch_.reset();
  }
}

void Program::check_end() {
  auto status = child_.poll();
  if (status && !*status)
    return;
  end_watch_.reset();
  // Its last words are still in the pipe.
  for (int reads = 0; reads < 16 && output_watch_; reads++)
    read_output();
  lines_.finish();
  callbacks_.ended(status ? **status : base::ExitStatus{.code = -1, .signal = 0});
}

} // namespace linstub::stub
