// SPDX-License-Identifier: MIT
#include "sys/write_back.hpp"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace linstub::sys {

base::Result<WriteBack> WriteBack::begin(const std::string &path) {
  base::Fd file = TRY(base::open_file(path, O_RDONLY));
  base::Fd done(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!done)
    return base::fail_errno(errno, "open an eventfd");
  WriteBack writing(path, std::move(file), std::move(done));
  if (::syscall(SYS_io_setup, 1, &writing.context_) != 0)
    return base::fail_errno(errno, "prepare to write back {}", path);
  iocb request{};
  request.aio_lio_opcode = IOCB_CMD_FSYNC;
  request.aio_fildes = static_cast<uint32_t>(writing.file_.get());
  request.aio_flags = IOCB_FLAG_RESFD;
  request.aio_resfd = static_cast<uint32_t>(writing.done_.get());
  iocb *list = &request;
  if (::syscall(SYS_io_submit, writing.context_, 1, &list) != 1)
    return base::fail_errno(errno, "write back {}", path);
  writing.under_way_ = true;
  return writing;
}

WriteBack::WriteBack(WriteBack &&other) noexcept
    : path_(std::move(other.path_)), file_(std::move(other.file_)), done_(std::move(other.done_)),
      context_(std::exchange(other.context_, 0)),
      under_way_(std::exchange(other.under_way_, false)) {}

WriteBack::~WriteBack() {
  // io_destroy would wait for a disk that does not answer: then the context is leaked.
  if (context_ != 0 && !under_way_)
    ::syscall(SYS_io_destroy, context_);
}

base::Result<> WriteBack::result() {
  io_event done{};
  timespec at_once{};
  if (::syscall(SYS_io_getevents, context_, 1, 1, &done, &at_once) != 1)
    return base::fail("write back {}: it is not done", path_);
  under_way_ = false;
  if (done.res < 0)
    return base::fail_errno(static_cast<int>(-done.res), "write back {}", path_);
  return {};
}

} // namespace linstub::sys
