#include "sys/disk_reader.hpp"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace linstub::sys {
namespace {

constexpr size_t chunk = size_t{256} << 10;

} // namespace

base::Result<DiskReader> DiskReader::open(const std::string &path) {
  DiskReader reader(path, TRY(base::open_file(path, O_RDONLY | O_DIRECT)));
  void *buffer = ::mmap(nullptr, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (buffer == MAP_FAILED)
    return base::fail_errno(errno, "get memory to read {}", path);
  reader.buffer_ = buffer;
  if (::syscall(SYS_io_setup, 1, &reader.context_) != 0)
    return base::fail_errno(errno, "prepare to read {}", path);
  return reader;
}

DiskReader::DiskReader(DiskReader &&other) noexcept
    : path_(std::move(other.path_)), fd_(std::move(other.fd_)),
      context_(std::exchange(other.context_, 0)), buffer_(std::exchange(other.buffer_, nullptr)),
      offset_(other.offset_) {}

DiskReader::~DiskReader() {
  // io_destroy would wait for a request that is under way: after a time-out the context is leaked.
  if (context_ != 0)
    ::syscall(SYS_io_destroy, context_);
  if (buffer_ != nullptr)
    ::munmap(buffer_, chunk);
}

base::Result<std::span<const std::byte>> DiskReader::next(base::Deadline deadline) {
  if (context_ == 0)
    return base::fail("read {}: it has not answered before", path_);
  iocb request{};
  request.aio_lio_opcode = IOCB_CMD_PREAD;
  request.aio_fildes = static_cast<uint32_t>(fd_.get());
  request.aio_buf = reinterpret_cast<uintptr_t>(buffer_);
  request.aio_nbytes = chunk;
  request.aio_offset = static_cast<int64_t>(offset_);
  iocb *list = &request;
  if (::syscall(SYS_io_submit, context_, 1, &list) != 1)
    return base::fail_errno(errno, "read {} at {}", path_, offset_);
  io_event done{};
  long count = 0;
  do {
    auto left = deadline.left();
    timespec timeout{.tv_sec = left.count() / 1000, .tv_nsec = left.count() % 1000 * 1'000'000};
    count = ::syscall(SYS_io_getevents, context_, 1, 1, &done, &timeout);
  } while (count < 0 && errno == EINTR);
  if (count < 0)
    return base::fail_errno(errno, "read {} at {}", path_, offset_);
  if (count == 0) {
    context_ = 0;
    buffer_ = nullptr;
    return std::unexpected(base::Error(
        base::format("read {} at {}: the disk has not answered in time", path_, offset_),
        ETIMEDOUT));
  }
  if (done.res < 0)
    return base::fail_errno(static_cast<int>(-done.res), "read {} at {}", path_, offset_);
  auto size = static_cast<size_t>(done.res);
  offset_ += size;
  return std::span(static_cast<const std::byte *>(buffer_), size);
}

} // namespace linstub::sys
