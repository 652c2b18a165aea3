// SPDX-License-Identifier: MIT
#include "sys/direct_disk.hpp"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace linstub::sys {
namespace {

const char *verb(uint16_t operation) { return operation == IOCB_CMD_PREAD ? "read" : "write"; }

} // namespace

base::Result<DirectDisk> DirectDisk::open(const std::string &path, DiskAccess access) {
  int mode = access == DiskAccess::read ? O_RDONLY : O_RDWR;
  DirectDisk disk(path, TRY(base::open_file(path, mode | O_DIRECT)));
  void *buffer = ::mmap(nullptr, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (buffer == MAP_FAILED)
    return base::fail_errno(errno, "get memory to use {}", path);
  disk.buffer_ = buffer;
  if (::syscall(SYS_io_setup, 1, &disk.context_) != 0)
    return base::fail_errno(errno, "prepare to use {}", path);
  return disk;
}

DirectDisk::DirectDisk(DirectDisk &&other) noexcept
    : path_(std::move(other.path_)), fd_(std::move(other.fd_)),
      context_(std::exchange(other.context_, 0)), buffer_(std::exchange(other.buffer_, nullptr)) {}

DirectDisk::~DirectDisk() {
  // io_destroy would wait for a request that is under way: after a time-out the context is leaked.
  if (context_ != 0)
    ::syscall(SYS_io_destroy, context_);
  if (buffer_ != nullptr)
    ::munmap(buffer_, chunk);
}

std::span<std::byte> DirectDisk::buffer() const {
  return {static_cast<std::byte *>(buffer_), buffer_ == nullptr ? 0 : chunk};
}

base::Result<size_t> DirectDisk::perform(uint16_t operation, uint64_t offset, size_t count,
                                         base::Deadline deadline) {
  if (context_ == 0)
    return base::fail("{} {}: it has not answered before", verb(operation), path_);
  iocb request{};
  request.aio_lio_opcode = operation;
  request.aio_fildes = static_cast<uint32_t>(fd_.get());
  request.aio_buf = reinterpret_cast<uintptr_t>(buffer_);
  request.aio_nbytes = count;
  request.aio_offset = static_cast<int64_t>(offset);
  iocb *list = &request;
  if (::syscall(SYS_io_submit, context_, 1, &list) != 1)
    return base::fail_errno(errno, "{} {} at {}", verb(operation), path_, offset);
  io_event done{};
  long events = 0;
  do {
    auto left = deadline.left();
    timespec timeout{.tv_sec = left.count() / 1000, .tv_nsec = left.count() % 1000 * 1'000'000};
    events = ::syscall(SYS_io_getevents, context_, 1, 1, &done, &timeout);
  } while (events < 0 && errno == EINTR);
  if (events < 0)
    return base::fail_errno(errno, "{} {} at {}", verb(operation), path_, offset);
  if (events == 0) {
    context_ = 0;
    buffer_ = nullptr;
    return std::unexpected(
        base::Error(base::format("{} {} at {}: the disk has not answered in time", verb(operation),
                                 path_, offset),
                    ETIMEDOUT));
  }
  if (done.res < 0)
    return base::fail_errno(static_cast<int>(-done.res), "{} {} at {}", verb(operation), path_,
                            offset);
  return static_cast<size_t>(done.res);
}

base::Result<size_t> DirectDisk::read(uint64_t offset, base::Deadline deadline) {
  return perform(IOCB_CMD_PREAD, offset, chunk, deadline);
}

base::Result<> DirectDisk::write(uint64_t offset, size_t count, base::Deadline deadline) {
  size_t written = TRY(perform(IOCB_CMD_PWRITE, offset, count, deadline));
  if (written != count)
    return base::fail_errno(ENOSPC, "write {} at {}: only {} of {} bytes", path_, offset, written,
                            count);
  return {};
}

} // namespace linstub::sys
